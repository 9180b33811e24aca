// Package dropped counts what this host's kernel drops of what a command sends, after it left the socket: --drops.
package dropped

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"sockwire/capture/drop"
	"sockwire/cmd/internal/cli"
)

// Watch counts drops of packets of this process's sockets.
type Watch struct {
	src    *drop.Source
	done   chan error
	inodes map[uint64]bool // of this command's sockets
	tally  drop.Tally
	why    map[string]string // of a reason, in plain words
}

// Begin begins to count, for the sockets that are open now. Its error has a hint.
func Begin() (*Watch, error) {
	src, err := drop.Open(&drop.Config{Snaplen: 64})
	if err != nil {
		return nil, refused(err)
	}
	w := &Watch{src: src, done: make(chan error, 1), inodes: ownSockets(), why: map[string]string{}}
	go func() {
		for d, err := range src.Drops(context.Background()) {
			if err != nil {
				w.done <- err
				return
			}
			if d.Socket.Role != drop.Receiver && w.inodes[d.Socket.Inode] {
				w.tally.Add(d, "")
				w.why[d.Reason.Name] = d.Why()
			}
		}
		w.done <- nil
	}()
	return w, nil
}

// refused says what helps where drops cannot be heard of.
func refused(err error) error {
	hint := "leave --drops out"
	if errors.Is(err, os.ErrPermission) {
		hint += ": what this host drops is root's to know"
	}
	return cli.WithHint(fmt.Errorf("--drops: %w", err), "%s", hint)
}

// ownSockets are the inodes of the sockets that this process has.
func ownSockets() map[uint64]bool {
	all := map[uint64]bool{}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return all
	}
	for _, f := range files {
		name, err := os.Readlink("/proc/self/fd/" + f.Name())
		if err != nil { // that of the directory, which is closed
			continue
		}
		if text, ok := strings.CutPrefix(name, "socket:["); ok {
			if n, err := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 64); err == nil {
				all[n] = true
			}
		}
	}
	return all
}

// Report is what was counted, and its JSON.
type Report struct {
	Packets uint64   `json:"packets"`
	Unheard uint64   `json:"unheard"` // of all kinds, that found no room in the ring
	Reasons []Reason `json:"reasons"`
}

// Reason is how many packets the kernel dropped at one place, and why.
type Reason struct {
	Reason  string `json:"reason"`
	Place   string `json:"place"`
	Why     string `json:"why"`
	Packets uint64 `json:"packets"`
}

// End stops counting and returns what was counted.
func (w *Watch) End() (*Report, error) {
	w.src.Stop()
	err := <-w.done
	d := &Report{Packets: w.tally.Packets, Unheard: w.src.Stats().Lost, Reasons: []Reason{}}
	for _, c := range w.tally.Counts() {
		d.Reasons = append(d.Reasons, Reason{c.Kind.Reason, c.Kind.Place, w.why[c.Kind.Reason], c.Packets})
	}
	w.Close()
	return d, err
}

// Close takes the program out of the kernel.
func (w *Watch) Close() { w.src.Close() }

// Print says it as text.
func (d *Report) Print(out *cli.Output) {
	out.Printf("%s dropped by this host after they left the socket\n", cli.Plural(d.Packets, "packet"))
	for _, r := range d.Reasons {
		out.Printf("  %d %s in %s: %s\n", r.Packets, r.Reason, r.Place, r.Why)
	}
	if d.Unheard > 0 {
		out.Printf("  %s of this host, of all kinds, could not be recorded\n", cli.Plural(d.Unheard, "drop"))
	}
}
