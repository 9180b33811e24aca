//go:build amd64 || arm64

package ptrace_test

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"sockwire/capture/trace"
	"sockwire/capture/trace/ptrace"
)

// The socket calls of a program, as they come. Package follow joins them with their packets.
func ExampleStart() {
	t, err := ptrace.Start(ptrace.Command{Path: "/proc/self/exe", Args: []string{"asks"}, Files: [3]*os.File{nil, nil, os.Stderr}}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for event, err := range t.Events(context.Background()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if c, ok := event.(*trace.Call); ok && !c.Pending {
			fmt.Println(c.Name, cmp.Or(c.Errno, "succeeded"))
		}
	}
	fmt.Println("status", t.Status().Code)
	// Output:
	// socket succeeded
	// connect ENOENT
	// close succeeded
	// status 0
}
