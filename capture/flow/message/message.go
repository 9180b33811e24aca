// Package message finds the messages in streams: HTTP/1 requests and responses, TLS records and handshake messages, and
// DNS over TCP, however they were cut into segments, several in one and one over many. With the secrets of a
// keylog.Log, it finds those inside of TLS too.
//
//	tracker := flow.NewTracker(&flow.Config{Reassemble: true})
//	var parser message.Parser
//	…
//	r := tracker.Add(&p)
//	for i := range r.Chunks {
//		for _, m := range parser.Add(&r.Chunks[i]) {
//			m.Packet(&q) // q is a decode.Packet whose layer is the message: decode.Printer shows it
//		}
//	}
//	for _, s := range r.Ended {
//		parser.End(s)
//	}
//
// What is spoken is told as in a single packet, by the ports and the first bytes. A stream that is seen from its
// middle, or has a gap, is taken up again where a segment starts with what can be nothing else; until then nothing is
// said of it. A gap inside of what has a length, such as a body or a record, does no more than make that incomplete.
//
// Extractor writes the bodies of HTTP messages to files.
package message

import (
	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/flow"
)

// Bounds of a Parser whose fields are 0.
const (
	DefaultStreams = 32768
	DefaultBytes   = 32 << 20
	DefaultMessage = 256 << 10
)

// maxPackets is how many packets of one message are listed.
const maxPackets = 64

// Part says which part of a message a Message is.
type Part uint8

// Parts. A message of HTTP that has a body begins, may have pieces of its body, and ends; everything else is whole.
const (
	Whole  Part = iota
	Begins      // the head is complete, and a body follows
	Body        // a piece of the body; only with Parser.Bodies
	Ends        // the message has ended
	Plain       // bytes of the stream inside of TLS; only with Parser.Plain
)

var partNames = [...]string{"whole", "begins", "body", "ends", "plain"}

// String returns "whole", "begins", "body", "ends" or "plain".
func (p Part) String() string {
	if int(p) < len(partNames) {
		return partNames[p]
	}
	return "?"
}

// Message is a message in a stream, or a part of one. It belongs to the Parser: it is valid until the next call.
type Message struct {
	Stream    *flow.Stream
	Direction flow.Direction
	Protocol  decode.Type // TypeHTTP, TypeTLS or TypeDNS
	Part      Part
	// Number counts the messages of this direction of the stream from 0; the parts of one have the same.
	Number uint64
	// Offset is where it starts in the bytes of its direction, Length how long it is up to here, gaps and all. For a
	// Body they are of the piece, in what the body is, without the framing of chunks. What was inside of TLS has the
	// places of the stream that is in there.
	Offset, Length int64
	// Missing is how many of these bytes were not captured.
	Missing int64
	// Packets are those that it came in up to here, in order, at most the first 64 of PacketCount; First and Last are
	// the ends.
	Packets     []uint64
	PacketCount int
	First, Last uint64
	// Data is the message: of HTTP the head, or the piece of a body; of TLS a record with its handshake messages, which
	// may have come in several records, or the five bytes of its header where the rest is encrypted; of HTTP/2 a frame,
	// whose header block refers to none before, with all fields in the last where it lies in several; of DNS the message
	// with its length field. Cut: it goes on, but is larger than is kept, or parts of it are missing.
	Data []byte
	Cut  bool
	// Decrypted: it was inside of TLS, and opened with secrets of Parser.Secrets.
	Decrypted bool
	// Sealed: it is a record of TLS that Parser.Secrets does not open. Why says why, in the first of its direction.
	Sealed bool
	Why    string
	// HTTP says more about HTTP, else nil.
	HTTP *HTTP
}

// Packet makes p hold the message as its only layer, so that decode.Printer with app.Renderer shows it as it shows that
// of a packet. It borrows Data. The number and the time are the caller's to set.
func (m *Message) Packet(p *decode.Packet) {
	length := len(m.Data)
	if m.Cut && m.Protocol != decode.TypeHTTP {
		length = int(max(m.Length, int64(length)+1))
	}
	p.SetMessage(m.Protocol, capture.Frame{Data: m.Data, Length: length})
}

// came notes a packet.
func (m *Message) came(packet uint64) {
	if m.PacketCount > 0 && m.Last == packet {
		return
	}
	if m.PacketCount == 0 {
		m.First = packet
	}
	if m.PacketCount < maxPackets {
		m.Packets = append(m.Packets, packet)
	}
	m.Last = packet
	m.PacketCount++
}
