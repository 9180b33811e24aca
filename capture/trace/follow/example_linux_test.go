//go:build amd64 || arm64

package follow_test

import (
	"context"
	"fmt"
	"os"
	"regexp"

	"sockwire/capture/trace"
	"sockwire/capture/trace/follow"
	"sockwire/capture/trace/show"
)

// A program is started, and its calls are printed as it makes them, with the packets that they made where this program may
// capture (CAP_NET_RAW).
func ExampleStart() {
	ctx := context.Background()
	program := trace.Command{Path: "/proc/self/exe", Args: []string{"sender"}, Files: [3]*os.File{nil, nil, os.Stderr}}
	session, err := follow.Start(ctx, program, &follow.Config{Engine: follow.PTrace})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	var lines show.Live
	for step, err := range session.Steps(ctx) {
		switch {
		case err != nil:
			fmt.Println(err)
		case step.Gone != nil:
			lines.Forget(step.Gone)
		case step.Timeline != nil:
			calls := step.Timeline.Only(nil, func(*trace.PacketRecord) bool { return false }) // packets depend on who runs this
			print(lines.Append(nil, calls, step.Until, show.Options{}))
		}
	}
	fmt.Println("status", session.Engine().Status().Code)
	// Output:
	// N.N #N  socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = N    sN
	// N.N #N  sendto(N, "hello", N, N.N.N.N:N) = N
	// N.N #N  close(N) = N
	// status 0
}

// print writes lines without their numbers, which are others at every run.
func print(text []byte) {
	text = regexp.MustCompile(`(?m)^ +| \([0-9.]+ [mµ]s\)`).ReplaceAll(text, nil)
	fmt.Printf("%s", regexp.MustCompile(`[0-9]+`).ReplaceAll(text, []byte("N")))
}
