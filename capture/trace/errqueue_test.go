package trace_test

import (
	"net/netip"
	"strings"
	"testing"

	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
)

// TestErrorQueue reads the ICMP error of a datagram from the error queue, before or after a call that fails with it.
func TestErrorQueue(t *testing.T) {
	var (
		local    = netip.MustParseAddrPort("192.0.2.1:44385")
		remote   = netip.MustParseAddrPort("192.0.2.2:19999")
		offender = remote.Addr()
	)
	entry := trace.QueuedError{Errno: "ECONNREFUSED", Origin: "icmp", Type: 3, Code: 3, Offender: offender}
	with := func(change func(*trace.QueuedError)) trace.QueuedError {
		e := entry
		change(&e)
		return e
	}
	for _, c := range []struct {
		name   string
		entry  trace.QueuedError
		data   string
		before bool // a call fails with the error before the queue is read
		read   int  // the packet that the read is of
		failed int  // and the failed call
		note   string
	}{
		{"read", entry, "nobody", false, 2, 0, "from the error queue: the ICMP error above, about all of #2"},
		{"reported and read", entry, "nobody", true, 2, 2, "about all of #2"},
		{"cut", entry, "nob", false, 2, 0, "about all of #2"},
		{"another code", with(func(e *trace.QueuedError) { e.Code = 1 }), "nobody", false, 0, 2, "an ICMP error, of a packet that is not known"},
		{"another version", with(func(e *trace.QueuedError) { e.Origin = "icmp6" }), "nobody", false, 0, 2, "not known"},
		{"another host", with(func(e *trace.QueuedError) { e.Offender = local.Addr() }), "nobody", false, 0, 2, "not known"},
		{"other data", entry, "somebody", false, 0, 2, "not known"},
		{"a time stamp", trace.QueuedError{Errno: "ENOMSG", Origin: "timestamping", Data: 7}, "", false, 0, 2, "a time stamp of a send"},
		{"zero-copy", trace.QueuedError{Origin: "zerocopy", Info: 1, Data: 4, Code: 1}, "", false, 0, 2, "the end of zero-copy sends 1 to 4, copied after all"},
	} {
		s := new(script)
		s.add(&trace.Host{Name: "here", Addrs: []netip.Addr{local.Addr()}, Captured: true})
		s.state(1, trace.State{Socket: 1, Change: trace.Created, Host: "here", FD: 5, Family: trace.FamilyIPv4, Kind: trace.KindDatagram})
		s.state(2, trace.State{Socket: 1, Change: trace.Connected, Local: trace.Addr{IP: local}, Remote: trace.Addr{IP: remote}})
		s.call(1, 2, 2.1, trace.Call{Name: "setsockopt", FD: 5, Socket: 1, Args: []trace.Arg{named("level", "IPPROTO_IP"), named("optname", "IP_RECVERR"), number("optval", 1)}})
		s.send(2, 3, 3.1, "write", 5, 1, "nobody")
		s.add(&trace.Packet{Number: 1, Time: ms(3.05), Host: "here", Direction: trace.Out, Src: local, Dst: remote, Protocol: trace.ProtoUDP,
			UDP: &trace.UDP{Length: 14}, Payload: []byte("nobody"), PayloadLength: 6, IPID: 7})
		s.add(&trace.Packet{Number: 2, Time: ms(3.2), Host: "here", Direction: trace.In, Src: netip.AddrPortFrom(offender, 0), Dst: netip.AddrPortFrom(local.Addr(), 0),
			Protocol: trace.ProtoICMP, ICMP: &trace.ICMP{Type: 3, Code: 3, Quote: &trace.Quote{Protocol: trace.ProtoUDP, Src: local, Dst: remote, IPID: 7, Length: 14, Payload: []byte("nobody")}}})
		at := 5.0
		if c.before {
			at = 3.5
		}
		again := s.send(4, at, at+0.1, "write", 5, 1, "again")
		again.Result, again.Errno = -1, "ECONNREFUSED"
		s.call(3, 4, 4.1, trace.Call{Name: "recvmsg", FD: 5, Socket: 1, Size: 100, Result: int64(len(c.data)), Data: []byte(c.data), Addr: trace.Addr{IP: remote},
			Flags: []string{"MSG_ERRQUEUE"}, Returned: []string{"MSG_ERRQUEUE"}, Queued: []trace.QueuedError{c.entry}})

		tl := trace.Correlate(s.events)
		if err := tl.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		read, failed := tl.Call(3), tl.Call(4)
		if read.Error != c.read || failed.Error != c.failed || len(read.Received) > 0 || read.Message != 0 || read.End {
			t.Errorf("%s: read %+v, failed by packet %d", c.name, read, failed.Error)
		}
		text := string(show.Append(nil, tl, show.Options{}))
		if !strings.Contains(text, c.note) {
			t.Errorf("%s: not said: %s\n%s", c.name, c.note, text)
		}
		// The same when what is over is forgotten as soon as it can be.
		var w trace.Window
		for _, e := range s.events {
			w.Add(e)
		}
		w.Forget(ms(3.3), false)
		if got := w.Timeline().Call(3); got == nil || got.Error != c.read {
			t.Errorf("%s: after forgetting %+v", c.name, got)
		}
		var totals show.Totals
		totals.Add(tl)
		if sum := totals.Summary(); sum.Sockets[0].Received != 0 {
			t.Errorf("%s: counted as received: %+v", c.name, sum.Sockets[0])
		}
	}
}

// TestScriptOption writes the options that packetdrill can set.
func TestScriptOption(t *testing.T) {
	for want, c := range map[string]trace.Call{
		"setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=10}, 8) = 0\n": {Args: []trace.Arg{named("level", "SOL_SOCKET"), named("optname", "SO_LINGER"),
			{Name: "optval", Kind: trace.ArgData, Size: 8, Text: "{l_onoff=1, l_linger=10}"}, number("optlen", 8)}},
		"setsockopt(4, IPPROTO_TCP, TCP_CONGESTION, \"reno\", 4) = 0\n": {Args: []trace.Arg{named("level", "IPPROTO_TCP"), named("optname", "TCP_CONGESTION"),
			{Name: "optval", Kind: trace.ArgData, Size: 4, Text: `"reno"`}, number("optlen", 4)}},
		"setsockopt(4, IPPROTO_IP, IP_MTU_DISCOVER, [2], 4) = 0\n": {Args: []trace.Arg{named("level", "IPPROTO_IP"), named("optname", "IP_MTU_DISCOVER"),
			{Name: "optval", Int: 2, Text: "IP_PMTUDISC_DO"}, number("optlen", 4)}},
		"setsockopt(4, IPPROTO_IP, IP_MULTICAST_TTL, [7], 1) = 0\n": {Args: []trace.Arg{named("level", "IPPROTO_IP"), named("optname", "IP_MULTICAST_TTL"), number("optval", 7), number("optlen", 1)}},
		"// setsockopt(4, SOL_SOCKET, SO_BINDTODEVICE, \"\\x1b\", 1) = 0\n": {Args: []trace.Arg{named("level", "SOL_SOCKET"), named("optname", "SO_BINDTODEVICE"),
			{Name: "optval", Kind: trace.ArgData, Size: 1, Text: "\"\x1b\""}, number("optlen", 1)}},
	} {
		s := new(script)
		s.state(1, trace.State{Socket: 1, Change: trace.Created, FD: 4, Family: trace.FamilyIPv4, Kind: trace.KindStream})
		c.Name, c.FD, c.Socket = "setsockopt", 4, 1
		s.call(1, 2, 2.1, c)
		var p show.Script
		p.Add(trace.Correlate(s.events))
		got, err := p.Append(nil, "")
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}
