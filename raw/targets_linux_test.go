package raw

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
	"sockwire/raw/probe"
	"sockwire/raw/wire"
)

// TestFlowLabel looks for the label in what arrives, also where another program has one of its own, which makes the
// kernel ask everybody for a lease.
func TestFlowLabel(t *testing.T) {
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	const label = 0x12345
	arrived := make(chan uint32, 100)
	answerEchoes(t, b, func([]byte, Meta) []packet.Layer { return nil })
	listener := open(t, b, ICMPv6, &Config{Report: cmsg.FlowInfo})
	go func() {
		m := []cmsg.Message{{Buf: make([]byte, 200), OOB: make([]byte, 512)}}
		r := cmsg.NewReceiver(listener.rc, 1)
		for {
			if _, err := r.Receive(m); err != nil {
				return
			}
			var i cmsg.Info
			i.Parse(m[0].OOB[:m[0].NN], m[0].Flags)
			arrived <- i.FlowInfo & 0xfffff
		}
	}()
	check := func(t *testing.T, kind SocketKind) {
		p := Pinger{Count: 2, Interval: time.Millisecond, FlowLabel: label, Socket: kind, Family: 6, Timeout: 50 * time.Millisecond}
		echoes, report := ping(t, a, &p, one(b.Addr6()))
		for _, e := range echoes {
			if e.Cause == probe.SendFailed {
				t.Errorf("%+v", e)
			}
			select {
			case got := <-arrived:
				if got != label {
					t.Errorf("label %#x arrived, want %#x", got, label)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("no echo arrived")
			}
		}
		if len(report.Warnings) > 0 {
			t.Error(report.Warnings)
		}
	}
	t.Run("free", func(t *testing.T) { sockets(t, check) })
	holder := open(t, a, ICMPv6, nil)
	if errno := leaseFlowLabel(holder, 0x54321, b.Addr6(), labelExclusive); errno != 0 {
		t.Fatal("a label of one's own: ", errno)
	}
	t.Run("leased", func(t *testing.T) { sockets(t, check) })
	p := Pinger{Count: 1, FlowLabel: 0x54321, Family: 6}
	if echoes, _ := ping(t, a, &p, one(b.Addr6())); len(echoes) != 1 || !errors.Is(echoes[0].Err, unix.EPERM) {
		t.Errorf("another's label: %+v", echoes)
	}
}

// echoReply makes the answer that a kernel gives.
func echoReply(request []byte) []packet.Layer {
	v6, header := request[0]>>4 == 6, 20
	if v6 {
		header = 40
	}
	echo := request[header:]
	id, seq, payload := binary.BigEndian.Uint16(echo[4:]), binary.BigEndian.Uint16(echo[6:]), packet.Payload(slices.Clone(echo[8:]))
	if v6 {
		return []packet.Layer{&packet.ICMPv6{Type: wire.ICMPv6EchoReply, ID: id, Seq: seq}, payload}
	}
	return []packet.Layer{&packet.ICMPv4{Type: wire.ICMPv4EchoReply, ID: id, Seq: seq}, payload}
}

// TestSeveralAnswers has two hosts answer each echo, one of them a while after the other: both answers to the last echo
// are waited for.
func TestSeveralAnswers(t *testing.T) {
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	answerEchoes(t, b, func(request []byte, m Meta) []packet.Layer {
		time.Sleep(20 * time.Millisecond) // this host's own answer came long before
		return echoReply(request)
	})
	for _, group := range []string{"ff02::1", "224.0.0.1"} {
		target := netip.MustParseAddr(group)
		p := Pinger{Count: 2, Interval: 50 * time.Millisecond, Timeout: 500 * time.Millisecond, Device: a.Ifname()}
		if target.Is6() {
			target = target.WithZone(a.Ifname())
		} else if err := a.Sysctl("net.ipv4.icmp_echo_ignore_broadcasts", "0"); err != nil {
			t.Fatal(err)
		}
		sockets(t, func(t *testing.T, kind SocketKind) {
			p := p
			p.Socket = kind
			echoes, _ := ping(t, a, &p, one(target))
			from := map[int]map[netip.Addr]bool{1: {}, 2: {}}
			for _, e := range echoes {
				if from[e.Seq] == nil || e.Outcome != probe.Answered || from[e.Seq][e.From] || e.Duplicate != (len(from[e.Seq]) > 0) {
					t.Fatalf("%+v", e)
				}
				from[e.Seq][e.From] = true
			}
			if len(from[1]) != 2 || len(from[2]) != 2 {
				t.Errorf("%v: answers from %v", target, from)
			}
		})
	}
}
