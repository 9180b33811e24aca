package show_test

import (
	"fmt"
	"net/netip"
	"time"

	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
	"sockwire/raw/wire"
)

// Two sends leave in one segment after the second: what the calls did, and what each socket did in total.
func ExampleAppend() {
	from, to := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:80")
	call := func(number int, name, data string, at time.Duration) *trace.Call {
		return &trace.Call{Number: number, Name: name, FD: 3, Socket: 1, Entered: at, Left: at + 10*time.Microsecond, Data: []byte(data), Size: len(data), Result: int64(len(data)),
			Args: []trace.Arg{{Name: "fd", Int: 3}, {Name: "buf", Kind: trace.ArgData, Data: []byte(data), Size: len(data)}}}
	}
	segment := func(number int, at time.Duration, seq uint32, flags wire.TCPFlags, data string) *trace.Packet {
		return &trace.Packet{Number: number, Time: at, Src: from, Dst: to, Protocol: trace.ProtoTCP, TCP: &trace.TCP{Seq: seq, Flags: flags}, Payload: []byte(data), PayloadLength: len(data)}
	}
	t := trace.Correlate([]trace.Event{
		&trace.State{Socket: 1, Change: trace.Connected, FD: 3, Family: trace.FamilyIPv4, Kind: trace.KindStream, Local: trace.Addr{IP: from}, Remote: trace.Addr{IP: to}},
		segment(1, time.Microsecond, 1000, wire.SYN, ""),
		call(1, "send", "GET /", time.Millisecond),
		call(2, "send", " HTTP/1.0", 2*time.Millisecond),
		segment(2, 2*time.Millisecond+5*time.Microsecond, 1001, wire.PSH|wire.ACK, "GET / HTTP/1.0"),
	})
	fmt.Printf("%s\n", show.Append(nil, t, show.Options{}))
	for _, s := range show.Summarize(t).Sockets {
		fmt.Printf("%s sent %d bytes in %d packets\n", s.Socket, s.Sent, s.Packets)
	}
	// Output:
	//    0.001       s1→    S  0:0(0)  cause unknown
	//    1.000 #1  send(3, "GET /") = 5
	//    2.000 #2  send(3, " HTTP/1.0") …
	//    2.005       s1→    P. 1:15(14)     = all of #1, all of #2
	//    2.010 #2  └ = 9
	//
	// s1 sent 14 bytes in 2 packets
}
