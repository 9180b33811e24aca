package decode_test

import (
	"fmt"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
)

// A DNS query over UDP and IPv6, as it would come from a capture.Source.
var query = capture.Frame{
	Link:   capture.LinkIPv6,
	Length: 77,
	Data: []byte("\x60\x00\x00\x00\x00\x25\x11\x40" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" +
		"\xc0\x00\x00\x35\x00\x25\xe7\x57" +
		"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x1c\x00\x01"),
}

func ExampleDecoder_Decode() {
	var decoder decode.Decoder
	var packet decode.Packet // used again for every frame
	if err := decoder.Decode(query, &packet); err != nil {
		fmt.Println(err) // the layers before the fault stand
	}
	for i, layer := range packet.Layers() {
		fmt.Println(layer.Type, layer.Offset, layer.Length, layer.Checksum)
		if udp := packet.UDP(i); udp != nil {
			fmt.Println("to port", udp.DestinationPort())
		}
	}
	ends, _ := packet.Inner()
	fmt.Println(ends.Src, "to", ends.Dst)
	// Output:
	// ipv6 0 77 none
	// udp 40 37 good
	// to port 53
	// dns 48 29 none
	// [2001:db8::1]:49152 to [2001:db8::2]:53
}

func ExamplePrinter_AppendLine() {
	var decoder decode.Decoder
	var history decode.History // for relative sequence numbers and times; sees the packets in order
	var packet decode.Packet
	printer := decode.Printer{Time: decode.TimeNone, Applications: app.Renderer{}}
	var line []byte
	decoder.Decode(query, &packet)
	history.Add(&packet)
	line = printer.AppendLine(line[:0], &packet)
	fmt.Printf("%s\n", line)
	// Output:
	// IP6 [2001:db8::1]:49152 > [2001:db8::2]:53: UDP, length 29: 4660+ AAAA? example.com.
}

func ExamplePacket_AppendFields() {
	var decoder decode.Decoder
	var packet decode.Packet
	decoder.Decode(query, &packet)
	for _, f := range packet.AppendFields(nil, packet.Find(decode.TypeUDP)) {
		fmt.Printf("%-20s bytes %2d to %2d: %s\n", f.Key, f.Bit/8, (f.Bit+f.Bits)/8, decode.AppendValue(nil, &f))
	}
	// Output:
	// udp.srcport          bytes 40 to 42: 49152
	// udp.dstport          bytes 42 to 44: 53
	// udp.length           bytes 44 to 46: 37
	// udp.checksum         bytes 46 to 48: 0xe757
	// udp.checksum.status  bytes 46 to 48: good
}
