//go:build amd64 || arm64

package ebpf_test

import (
	"context"
	"fmt"

	"sockwire/capture/trace"
	"sockwire/capture/trace/ebpf"
)

// The socket calls of a running program, until it ends. Package follow joins them with their packets.
func ExampleTracer_Attach() {
	t, err := ebpf.Open(&ebpf.Config{Data: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	if err := t.Attach(1234); err != nil {
		fmt.Println(err)
		return
	}
	for event, err := range t.Events(context.Background()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if c, ok := event.(*trace.Call); ok && !c.Pending {
			fmt.Println(c.Process, c.Name, c.Result, c.Errno)
		}
	}
}
