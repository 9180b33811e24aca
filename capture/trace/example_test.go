package trace_test

import (
	"fmt"
	"net/netip"
	"time"

	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
)

// A datagram is sent, and seen leaving: the timeline says which call it came from.
func ExampleCorrelate() {
	from, to := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:53")
	events := []trace.Event{
		&trace.State{Socket: 1, Change: trace.Created, FD: 3, Family: trace.FamilyIPv4, Kind: trace.KindDatagram, Local: trace.Addr{IP: from}},
		&trace.Call{
			Number: 1, Name: "sendto", FD: 3, Socket: 1, Entered: 1 * time.Millisecond, Left: 2 * time.Millisecond,
			Args: []trace.Arg{{Name: "fd", Int: 3}, {Name: "buf", Kind: trace.ArgData, Data: []byte("hello"), Size: 5}},
			Data: []byte("hello"), Size: 5, Result: 5, Addr: trace.Addr{IP: to},
		},
		&trace.Packet{
			Number: 1, Time: 1500 * time.Microsecond, Src: from, Dst: to, Protocol: trace.ProtoUDP,
			UDP: &trace.UDP{Length: 13}, Payload: []byte("hello"), PayloadLength: 5,
		},
	}
	fmt.Printf("%s", show.Append(nil, trace.Correlate(events), show.Options{}))
	// Output:
	//    1.000 #1  sendto(3, "hello") …
	//    1.500       s1→    UDP :40000 → :53 length 5   all of #1
	//    2.000 #1  └ = 5 (1.0 ms)
}
