package filter_test

import (
	"errors"
	"fmt"

	"sockwire/capture"
	"sockwire/capture/filter"
)

// syn is an Ethernet frame with a TCP segment from 192.0.2.1 to port 443 of 198.51.100.7.
var syn = []byte{
	0x00, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x00, 0x00, 0x5e, 0x00, 0x53, 0x02, 0x08, 0x00,
	0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7,
	0xc0, 0x00, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0,
}

func Example() {
	f, err := filter.Parse("tcp port 443 and src net 192.0.2.0/24")
	if err != nil {
		fmt.Println(err)
		return
	}
	prog, err := f.Compile(capture.LinkEthernet, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	frame := capture.Frame{Data: syn, Length: len(syn), Link: capture.LinkEthernet}
	fmt.Println(prog.MatchFrame(&frame))
	// Output: true
}

func ExampleParse_error() {
	_, err := filter.Parse("host 10.0.0.0/8")
	var syntax *filter.SyntaxError
	if errors.As(err, &syntax) {
		fmt.Println(syntax.Caret())
		fmt.Println(err)
	}
	// Output:
	// host 10.0.0.0/8
	//      ^~~~~~~~~~
	// filter: column 6: 'host' takes no prefix length or mask; did you mean "net 10.0.0.0/8"?
}

func ExampleFilter_String() {
	fmt.Println(filter.MustParse("not tcp dst port 80 or 443"))
	// Output: not tcp dst port 80 or tcp dst port 443
}

func ExampleProgram_AppendListing() {
	prog, err := filter.MustParse("ip proto 17").Compile(capture.LinkEthernet, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(prog.AppendListing(nil, filter.ListAssembly)))
	// Output:
	// (000) ldh      [12]
	// (001) jeq      #0x800           jt 2	jf 5
	// (002) ldb      [23]
	// (003) jeq      #0x11            jt 4	jf 5
	// (004) ret      #262144
	// (005) ret      #0
}

func ExampleFilter_Explain() {
	x, err := filter.MustParse("vlan 5 or udp").Explain(capture.LinkEthernet, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range x.Words {
		fmt.Println(w)
	}
	for _, w := range x.Warnings {
		fmt.Printf("column %d: %s\n", w.Col, w.Msg)
	}
	// Output:
	// any of these holds:
	//   it has a VLAN tag 5; what is written after this is looked for behind it
	//   it is IPv4 or IPv6 carrying UDP
	// column 11: this is looked for behind 'vlan' even where that did not match; write it before 'vlan' to look without it
	// column 11: 'udp' in IPv6 is seen right behind the IPv6 header or a fragment header only
}

func ExampleTrace_Why() {
	trace, err := filter.MustParse("ip and (tcp port 80 or udp)").Trace(capture.LinkEthernet, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(trace.Why(syn, nil))
	// Output:
	// no       ip and (tcp port 80 or udp)
	//   yes      ip: EtherType is 0x800
	//   no       tcp port 80 or udp
	//     no       tcp port 80: destination port is 443, not 80  <- here
	//     no       udp: IP protocol is 6, not 17
}
