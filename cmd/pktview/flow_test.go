package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/flow"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// tape writes down what two ends of TCP connections say.
type tape struct {
	t      testing.TB
	at     time.Time
	frames []capture.Frame
}

// wait lets time pass.
func (c *tape) wait(d time.Duration) { c.at = c.at.Add(d) }

func (c *tape) add(layers ...packet.Layer) {
	eth := &packet.Ethernet{Src: packet.MAC{2, 0, 0, 0, 0, 1}, Dst: packet.MAC{2, 0, 0, 0, 0, 2}}
	b := build(c.t, append([]packet.Layer{eth}, layers...)...)
	c.frames = append(c.frames, capture.Frame{Data: b, Length: len(b), Time: c.at, Link: capture.LinkEthernet})
	c.wait(10 * time.Millisecond)
}

// speaker is one side of a connection.
type speaker struct {
	tape   *tape
	ip     packet.IPv4
	port   uint16
	peer   uint16
	seq    uint32
	ack    uint32
	other  *speaker
	window uint16
	sent   uint16
}

// connect shakes hands between two ports.
func (c *tape) connect(from, to uint16) (client, server *speaker) {
	client = &speaker{tape: c, ip: packet.IPv4{Src: alice, Dst: bob}, port: from, peer: to, seq: 1000, window: 65535}
	server = &speaker{tape: c, ip: packet.IPv4{Src: bob, Dst: alice}, port: to, peer: from, seq: 5000, window: 65535}
	client.other, server.other = server, client
	client.send(wire.SYN, "")
	server.send(wire.SYN|wire.ACK, "")
	client.send(wire.ACK, "")
	return client, server
}

// send sends the next segment, which arrives.
func (e *speaker) send(flags wire.TCPFlags, text string) {
	e.segment(e.seq, flags, text)
	e.seq += uint32(len(text))
	if flags&(wire.SYN|wire.FIN) != 0 {
		e.seq++
	}
	e.other.ack = e.seq
}

// segment sends a segment with any number.
func (e *speaker) segment(seq uint32, flags wire.TCPFlags, text string) {
	ip := e.ip
	e.sent++
	ip.ID = e.sent // which counts up, as that of Linux does
	e.tape.add(&ip, &packet.TCP{SrcPort: e.port, DstPort: e.peer, Seq: seq, Ack: e.ack, Flags: flags, Window: packet.U16(e.window)}, packet.Payload(text))
}

// streams is: #0 to a server of HTTP whose answer is lost behind the place of the capture and sent again, #1 whose
// bytes the capture missed, both at the same time, and a conversation of datagrams.
func streams(t testing.TB) []capture.Frame {
	c := &tape{t: t, at: start}
	a, b := c.connect(40000, 80)                                   // packets 1 to 3
	x, y := c.connect(40001, 9999)                                 // 4 to 6
	a.send(wire.ACK, "GET /index.html HT")                         // 7
	a.send(wire.ACK|wire.PSH, "TP/1.1\r\nHost: a.example\r\n\r\n") // 8
	b.send(wire.ACK, "")                                           // 9
	answer := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n01234"
	b.send(wire.ACK, answer) // 10
	a.ack -= uint32(len(answer))
	c.wait(300 * time.Millisecond)
	b.segment(b.seq-uint32(len(answer)), wire.ACK, answer) // 11
	a.ack = b.seq
	a.send(wire.ACK, "")                           // 12
	b.send(wire.ACK|wire.PSH, "56789")             // 13
	a.send(wire.ACK, "")                           // 14
	x.send(wire.ACK|wire.PSH, "hello\n\x1b[31m\n") // 15
	y.send(wire.ACK, "")                           // 16
	x.seq += 100                                   // passed by, and was not captured
	y.ack = x.seq
	y.send(wire.ACK, "")                                                                                         // 17
	x.send(wire.ACK|wire.PSH, "bye\n")                                                                           // 18
	y.send(wire.ACK|wire.PSH, "bye bye\n")                                                                       // 19
	x.send(wire.ACK, "")                                                                                         // 20
	a.send(wire.ACK|wire.FIN, "")                                                                                // 21
	b.send(wire.ACK|wire.FIN, "")                                                                                // 22
	a.send(wire.ACK, "")                                                                                         // 23
	x.send(wire.RST|wire.ACK, "")                                                                                // 24
	c.add(&packet.IPv4{Src: alice, Dst: bob}, &packet.UDP{SrcPort: 5555, DstPort: 7777}, packet.Payload("ping")) // 25
	c.add(&packet.IPv4{Src: bob, Dst: alice}, &packet.UDP{SrcPort: 7777, DstPort: 5555}, packet.Payload("pong")) // 26
	return c.frames
}

// pipelined are two questions to a name server in one segment, and the start of a third, which the next completes.
func pipelined(t testing.TB) []capture.Frame {
	c := &tape{t: t, at: start}
	a, _ := c.connect(40000, 53)
	question := func(id, name string) string {
		return "\x00\x1d\x00" + id + "\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03" + name + "\x07example\x00\x00\x01\x00\x01"
	}
	third := question("\x03", "tri")
	a.send(wire.ACK|wire.PSH, question("\x01", "one")+question("\x02", "two")+third[:5])
	a.send(wire.ACK|wire.PSH, third[5:])
	return c.frames
}

// fragments are a question to a name server in three fragments, another packet among them, and one fragment of a
// datagram whose others are not there.
func fragments(t testing.TB) []capture.Frame {
	c := &tape{t: t, at: start}
	whole := build(t, &packet.IPv4{Src: alice, Dst: bob}, &packet.UDP{SrcPort: 5000, DstPort: 9999}, packet.Payload(strings.Repeat("0123456789abcdef", 4)))[20:]
	fragment := func(id uint16, from, to int) {
		more := uint8(1)
		if to == len(whole) {
			more = 0
		}
		c.add(&packet.IPv4{Src: alice, Dst: bob, ID: id, Flags: more, FragmentOffset: uint16(from / 8), Protocol: packet.U8(17)}, packet.Payload(whole[from:to]))
	}
	fragment(7, 0, 32)
	c.add(&packet.IPv4{Src: alice, Dst: bob}, &packet.UDP{SrcPort: 1, DstPort: 2}, packet.Payload("between"))
	fragment(7, 56, len(whole))
	fragment(7, 32, 56)
	fragment(8, 0, 32)
	return c.frames
}

// The README has every name that --flow knows.
func TestReadmeHasTheWords(t *testing.T) {
	text, err := os.ReadFile("README.md")
	must(t, err)
	for _, w := range flow.Words() {
		if row := fmt.Sprintf("| `flow.%s` | %s |\n", w.Name, w.Means); !strings.Contains(string(text), row) {
			t.Errorf("README.md lacks the row %s", row)
		}
	}
}

// What is found of a packet later stands on its line, also where batches of others are between; what comes through a
// pipe is shown at once, with what was known.
func TestMarksOfLaterPackets(t *testing.T) {
	dir := t.TempDir()
	frames := streams(t)
	for _, between := range []int{0, batchFrames, 3*batchFrames + 7, aheadPackets + 3*batchFrames} {
		if between > aheadPackets && testing.Short() {
			continue
		}
		many := slices.Clone(frames[:10])
		for range between {
			many = append(many, frames[24]) // a datagram
		}
		many = append(many, frames[10:]...)
		write(t, filepath.Join(dir, "many.pcap"), many)
		for range 3 { // whatever the workers do
			line := regexp.MustCompile(`(?m)^10  .*$`).FindString(inDir(t, dir, "-r", "many.pcap", "-#"))
			want := between <= aheadPackets
			if got := strings.Contains(line, fmt.Sprintf("[lost behind here: again in #%d]", 11+between)); got != want {
				t.Errorf("%d packets between: %s", between, line)
			}
		}
		records := inDir(t, dir, "-r", "many.pcap", "--json")
		late := strings.Contains(records, `{"type":"verdict","packet":10,"stream":0,"verdict":{"kind":"lost-behind",`)
		if late != (between > aheadPackets) {
			t.Errorf("%d packets between: a record of its own is %v", between, late)
		}
		chosen := inDir(t, dir, "-r", "many.pcap", "-#", "--flow", "flow.lost or flow.retransmission")
		if got := strings.Count(chosen, "\n"); got != 2 && between <= aheadPackets {
			t.Errorf("%d packets between: --flow takes %d: %s", between, got, chosen)
		}
	}
}
