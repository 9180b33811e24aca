//go:build amd64 || arm64

package follow_test

import (
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"sockwire/capture/drop"
	"sockwire/capture/trace"
	"sockwire/capture/trace/follow"
	"sockwire/raw/netlab"
)

// filtered is the port to which a program at the loopback device lets nothing pass.
const filtered = 7777

// loser sends datagrams that all seem to have been sent.
func loser() {
	to := func(fd, port int, text string) {
		_ = unix.Sendto(fd, []byte(text), 0, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	}
	socket := func() int {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err != nil {
			os.Exit(99)
		}
		return fd
	}
	to(socket(), 9, "nobody")
	to(socket(), filtered, "filtered")
	full := socket()
	if unix.Bind(full, &unix.SockaddrInet4{Port: 9999, Addr: [4]byte{127, 0, 0, 1}}) != nil || unix.SetsockoptInt(full, unix.SOL_SOCKET, unix.SO_RCVBUF, 1) != nil {
		os.Exit(98)
	}
	from := socket()
	for range 6 {
		to(from, 9999, "no room")
	}
}

// TestDrops: each packet that the kernel drops is shown once, with its reason and the call that sent it: at the packet
// that was captured, or as one that never came to an interface.
func TestDrops(t *testing.T) {
	netlab.Need(t)
	if err := netlab.LoopbackUp(0); err != nil {
		t.Fatal(err)
	}
	const port = 14 + 20 + 2 // in a frame
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, AttachType: ebpf.AttachTCXEgress, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1), asm.LoadAbs(port, asm.Half),
		asm.JNE.Imm(asm.R0, filtered, "pass"), asm.Mov.Imm(asm.R0, 2), asm.Return(), // TC_ACT_SHOT
		asm.Mov.Imm(asm.R0, 0).WithSymbol("pass"), asm.Return(),
	}})
	netlab.NeedRoot(t, err)
	defer program.Close()
	at, err := link.AttachTCX(link.TCXOptions{Program: program, Interface: 1, Attach: ebpf.AttachTCXEgress})
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	s, err := follow.Start(t.Context(), trace.Command{Path: "/proc/self/exe", Args: []string{"loser"}}, &follow.Config{Engine: follow.EBPF, Whole: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Deaf() != nil || s.Fallback() != nil {
		t.Fatalf("%v %v", s.Deaf(), s.Fallback())
	}
	counts := map[string]int{}
	for step, err := range s.Steps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if !step.Last {
			continue
		}
		for _, p := range step.Timeline.Packets {
			for _, d := range p.Drops {
				counts[d.Reason]++
				if (d.Reason == "TC_EGRESS") != p.Uncaptured {
					t.Errorf("%s: uncaptured is %v", d.Reason, p.Uncaptured)
				}
				if p.From == nil || len(p.Carries) != 1 || !p.Carries[0].All || d.Place == "" || d.Why == "" {
					t.Errorf("%+v of %v carries %v", d, p.From, p.Carries)
				}
			}
		}
		if fault := step.Timeline.Check(); fault != nil {
			t.Error(fault)
		}
	}
	if counts["NO_SOCKET"] != 1 || counts["TC_EGRESS"] != 1 || counts["SOCKET_RCVBUFF"] < 3 || len(counts) != 3 {
		t.Errorf("%v", counts)
	}
}

// TestUnheard: drops that found no room are counted, so that it can be said.
func TestUnheard(t *testing.T) {
	netlab.Need(t)
	if err := netlab.LoopbackUp(0); err != nil {
		t.Fatal(err)
	}
	if n := follow.New(nil, nil, trace.NewClock(), nil).Unheard(); n != 0 {
		t.Errorf("%d drops are not heard of where none are asked for", n)
	}
	src, err := drop.Open(&drop.Config{Buffer: 64 << 10})
	netlab.NeedRoot(t, err)
	s := follow.New(nil, nil, trace.NewClock(), &follow.Config{Drops: src})
	defer s.Close()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const sent = 2000 // each takes more than 64 bytes of the ring, and nobody reads
	for range sent {
		if err := unix.Sendto(fd, []byte("nobody"), 0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Unheard(); n == 0 || n >= 2*sent {
		t.Errorf("of %d drops and their errors %d are not heard of", sent, n)
	}
}
