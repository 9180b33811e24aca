package flow

import (
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// cases are short captures with what must be said of them. Each begins with a handshake (packets 1 to 3), captured at
// the client, 20 ms from the server, if it does not say bare.
var cases = []struct {
	name    string
	bare    bool
	cfg     Config
	packets []packetOf
	want    string
	bytes   string // of the client, handed out; "" is not looked at
	finish  string // what is said at the end of the capture
}{
	{name: "timer", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 130, ecr: 900, id: 3},
		{at: 31 * ms, flags: wire.ACK, seq: 6, ack: 1, data: "world", ts: 131, ecr: 900, id: 4},
		{at: 260 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 360, ecr: 900, id: 5},
		{at: 280 * ms, back: true, flags: wire.ACK, seq: 1, ack: 11, ts: 1160, ecr: 360, id: 1},
	}, want: `#6 retransmission timer 4 0 5b
		#4 lost-behind 6 7 x1 5b`, bytes: "helloworld"},
	{name: "the identification of a SYN-ACK is no part of the counter", packets: append([]packetOf{
		{at: 1000 * ms, back: true, flags: wire.SYN | wire.ACK, ack: 1, id: 0},
	}, answersOf(1030*ms, 12, 0xf9b3)...), want: `#4 retransmission timer 2 0
		#4 spurious acknowledged 2 0`},
	{name: "a SYN acknowledges nothing, whatever its field says", bare: true, packets: []packetOf{
		{at: 0, back: true, flags: wire.SYN},
		{at: 1000 * ms, back: true, flags: wire.SYN},
		{at: 1020 * ms, flags: wire.SYN | wire.ACK, ack: 1}, // with a number that is beyond 2^31
		{at: 1040 * ms, back: true, flags: wire.ACK, seq: 1, ack: 1},
		{at: 1050 * ms, back: true, flags: wire.ACK, seq: 1, ack: 1, data: "hello"},
		{at: 1051 * ms, back: true, flags: wire.ACK, seq: 6, ack: 1, data: "world"},
	}, want: `#2 retransmission timer 1 0
		#1 undecided no-answer 2 3 x1`},
	{name: "a SYN into a TIME-WAIT is answered by the connection before", bare: true, packets: []packetOf{
		{at: 0, flags: wire.SYN},
		{at: 20 * ms, back: true, flags: wire.ACK, seq: 777_000, ack: -5_000_000},
		{at: 20 * ms, flags: wire.RST, seq: -5_000_000},
		{at: 1000 * ms, flags: wire.SYN},
		{at: 1020 * ms, back: true, flags: wire.SYN | wire.ACK, ack: 1},
		{at: 1020 * ms, flags: wire.ACK, seq: 1, ack: 1},
		{at: 1030 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello"},
		{at: 1050 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6},
	}, want: `#2 stray 0 0
		#3 stray 0 0
		#4 retransmission timer 1 0
		#1 undecided no-answer 4 5 x1`, bytes: "hello"},
	{name: "tail loss probe, then timer", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 130, ecr: 900, id: 3},
		{at: 31 * ms, flags: wire.ACK, seq: 6, ack: 1, data: "world", ts: 131, ecr: 900, id: 4},
		{at: 75 * ms, flags: wire.ACK, seq: 6, ack: 1, data: "world", ts: 175, ecr: 900, id: 5},
		{at: 300 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 400, ecr: 900, id: 6},
	}, want: `#6 retransmission tail-loss-probe 5 0 5b
		#7 retransmission timer 4 0 5b`},
	{name: "needless, by DSACK", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3},
		{at: 75 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 5},
		{at: 95 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, id: 1},
		{at: 96 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, id: 2, sack: []int{1, 6}},
	}, want: `#5 retransmission tail-loss-probe 4 0 5b
		#4 lost-behind 5 6 x1 5b
		#4 lost-behind retracted 0 0 5b
		#5 spurious dsack 4 7 5b`},
	{name: "needless, by the old timestamp", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 130, ecr: 900, id: 3},
		{at: 75 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 175, ecr: 900, id: 5},
		{at: 95 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, ts: 960, ecr: 130, id: 1},
	}, want: `#5 retransmission tail-loss-probe 4 0 5b
		#5 spurious timestamp 4 6 5b`},
	{name: "needless, for it was acknowledged", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 130, ecr: 900, id: 3},
		{at: 50 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, ts: 960, ecr: 130, id: 1},
		{at: 275 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 375, ecr: 900, id: 5},
	}, want: `#6 retransmission tail-loss-probe 4 5 5b
		#6 spurious acknowledged 4 5 5b`},
	{name: "fast, without SACK", bare: true, packets: []packetOf{
		{at: 0, flags: wire.SYN, noSACK: true, id: 1},
		{at: 20 * ms, back: true, flags: wire.SYN | wire.ACK, ack: 1, noSACK: true},
		{at: 20 * ms, flags: wire.ACK, seq: 1, ack: 1, id: 2},
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", id: 3},
		{at: 30 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", id: 4},
		{at: 30 * ms, flags: wire.ACK, seq: 3, ack: 1, data: "c", id: 5},
		{at: 30 * ms, flags: wire.ACK, seq: 4, ack: 1, data: "d", id: 6},
		{at: 50 * ms, back: true, flags: wire.ACK, seq: 1, ack: 1, id: 1},
		{at: 51 * ms, back: true, flags: wire.ACK, seq: 1, ack: 1, id: 2},
		{at: 52 * ms, back: true, flags: wire.ACK, seq: 1, ack: 1, id: 3},
		{at: 52 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", id: 7},
		{at: 72 * ms, back: true, flags: wire.ACK, seq: 1, ack: 5, id: 4},
	}, want: `#8 duplicate-ack 0 0 x1
		#9 duplicate-ack 0 0 x2
		#10 duplicate-ack 0 0 x3
		#11 retransmission fast 4 10 1b
		#4 lost-behind 11 12 x1 1b`, bytes: "abcd", finish: `#4 lost-behind retracted 0 0 1b
		#4 undecided no-answer 11 0 x1 1b`},
	{name: "the network makes two of one", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 130, ecr: 900, id: 3},
		{at: 31 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 130, ecr: 900, id: 3},
		{at: 50 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, ts: 960, ecr: 130, id: 1},
		{at: 50 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, ts: 960, ecr: 130, id: 1},
	}, want: `#5 duplicate 4 0 5b
		#7 duplicate 6 0`, bytes: "hello"},
	{name: "captured on two interfaces, and behind a router", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 130, ecr: 900, id: 3},
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 130, ecr: 900, id: 3, iface: 1},
		{at: 50 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, ts: 960, ecr: 130, id: 1},
		{at: 50 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, ts: 960, ecr: 130, id: 1, ttl: 63},
	}, want: `#5 copy 4 0 5b
		#7 copy 6 0`, bytes: "hello"},
	{name: "a retransmission is no copy", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 130, ecr: 900, id: 3},
		{at: 31 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 130, ecr: 900, id: 4, iface: 1},
	}, want: `#5 retransmission tail-loss-probe 4 0 5b`},
	{name: "zero window, its probe, and its end", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3},
		{at: 50 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, id: 1, win: -1},
		{at: 300 * ms, flags: wire.ACK, seq: 5, ack: 1, id: 4},
		{at: 320 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, id: 2, win: -1},
		{at: 400 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, id: 3, win: 500},
	}, want: `#5 zero-window 0 0
		#6 window-probe 0 0
		#7 keep-alive-ack 6 0
		#7 zero-window 0 0
		#8 window-update 0 0 500b`},
	{name: "window full", packets: []packetOf{
		{at: 25 * ms, back: true, flags: wire.ACK, seq: 1, ack: 1, id: 1, win: 8},
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hel", id: 3},
		{at: 30 * ms, flags: wire.ACK, seq: 4, ack: 1, data: "lo!!!", id: 4},
	}, want: "#6 window-full 0 0 8b"},
	{name: "keep-alive", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3},
		{at: 50 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, id: 1},
		{at: 60 * time.Second, flags: wire.ACK, seq: 5, ack: 1, id: 4},
		{at: 60*time.Second + 20*ms, back: true, flags: wire.ACK, seq: 1, ack: 6, id: 2},
		{at: 120 * time.Second, flags: wire.ACK, seq: 5, ack: 1, data: "x", id: 5}, // with a byte, as some systems do
		{at: 120*time.Second + 20*ms, back: true, flags: wire.ACK, seq: 1, ack: 6, id: 3},
	}, want: `#6 keep-alive 0 0
		#7 keep-alive-ack 6 0
		#8 keep-alive 0 0 1b
		#9 keep-alive-ack 8 0`, bytes: "hello"},
	{name: "reset answers data", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3},
		{at: 50 * ms, back: true, flags: wire.RST, seq: 1, id: 1},
	}, want: "#5 reset 4 0"},
	{name: "reset by the program", packets: []packetOf{
		{at: 30 * ms, flags: wire.RST | wire.ACK, seq: 1, ack: 1, id: 3},
	}, want: "#4 reset 0 0"},
	{name: "refused", bare: true, packets: []packetOf{
		{at: 0, flags: wire.SYN, id: 1},
		{at: 20 * ms, back: true, flags: wire.RST | wire.ACK, seq: 0, ack: 1},
	}, want: "#2 reset 1 0"},
	{name: "a reset from elsewhere", packets: []packetOf{
		{at: 30 * ms, back: true, flags: wire.RST, seq: 900_000, id: 1},
		{at: 31 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3},
	}, want: "#4 stray 0 0", bytes: "hello"},
	{name: "a segment from elsewhere", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 500_000_000, ack: 1, data: "evil", id: 3},
		{at: 31 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 4},
	}, want: "#4 stray 0 0 4b", bytes: "hello"},
	{name: "other bytes for the same place", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3},
		{at: 31 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hELLo", id: 4},
		{at: 32 * ms, flags: wire.ACK, seq: 9, ack: 1, data: "xx", id: 5},
		{at: 33 * ms, flags: wire.ACK, seq: 6, ack: 1, data: "abcdef", id: 6},
	}, want: `#5 retransmission tail-loss-probe 4 0 5b
		#5 conflict 4 0 3b
		#7 retransmission unknown 6 0 6b
		#7 lost-before ip-id 6 0 x1 3b
		#7 conflict 6 0 2b`, bytes: "helloabcxxf"},
	{name: "a wrong checksum", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3},
		{at: 31 * ms, flags: wire.ACK, seq: 6, ack: 1, data: "w_rld", id: 4, bad: true},
		{at: 32 * ms, flags: wire.ACK, seq: 11, ack: 1, data: "!", id: 5},
		{at: 52 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, id: 1, sack: []int{11, 12}},
		{at: 53 * ms, flags: wire.ACK, seq: 6, ack: 1, data: "world", id: 6},
	}, want: `#5 corrupt 0 0 5b
		#8 retransmission sack 5 7 5b`, bytes: "helloworld!"},
	{name: "no checksum is right", bare: true, packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3, bad: true},
		{at: 31 * ms, flags: wire.ACK, seq: 6, ack: 1, data: "world", id: 4, bad: true},
	}, want: "", bytes: "hell/worl$"},
	{name: "checksums left to a device, of which one is right by chance", bare: true, packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3, bad: true},
		{at: 31 * ms, flags: wire.ACK, seq: 6, ack: 1, data: "world", id: 4, bad: true},
		{at: 32 * ms, flags: wire.ACK, seq: 11, ack: 1, data: "again", id: 5, bad: true},
		{at: 33 * ms, flags: wire.ACK, seq: 16, ack: 1, data: "and", id: 6, bad: true},
		{at: 34 * ms, flags: wire.ACK, seq: 19, ack: 1, data: "again", id: 7},
		{at: 35 * ms, flags: wire.ACK, seq: 24, ack: 1, data: "hello", id: 8, bad: true},
	}, want: "", bytes: "hell/worl$agai.an$againhell/"},
	{name: "a wrong checksum, and acknowledged all the same", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3, bad: true},
		{at: 50 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, id: 1},
		{at: 51 * ms, flags: wire.ACK, seq: 6, ack: 1, data: "world", id: 4, bad: true},
	}, want: `#4 corrupt 0 0 5b
		#4 corrupt retracted 0 0 5b`, bytes: "hell/worl$"},
	{name: "each direction has a VLAN of its own", bare: true, packets: []packetOf{
		{at: 0, flags: wire.SYN, id: 1, vlan: 5},
		{at: 20 * ms, back: true, flags: wire.SYN | wire.ACK, ack: 1, vlan: 6},
		{at: 20 * ms, flags: wire.ACK, seq: 1, ack: 1, id: 2, data: "hello", vlan: 5},
		{at: 40 * ms, back: true, flags: wire.ACK, seq: 1, ack: 9, id: 1, vlan: 6},
		{at: 41 * ms, flags: wire.ACK, seq: 9, ack: 1, id: 4, data: "!", vlan: 5},
	}, want: "#4 missed acknowledged 0 4 x1 3b", bytes: "hello...!"},
	{name: "two SYNs with wrong checksums begin two streams", bare: true, packets: []packetOf{
		{at: 0, flags: wire.SYN, bad: true},
		{at: 1 * ms, flags: wire.SYN, seq: 1, bad: true},
		{at: 2 * ms, flags: wire.ACK, seq: 4, ack: 1, data: "lo", bad: true},
	}, want: "", finish: "#3 undecided no-acknowledgment 3 0 x1 2b"},
	{name: "a damaged SYN", bare: true, packets: []packetOf{
		{at: 0, flags: wire.SYN, port: 9},
		{at: 1 * ms, flags: wire.SYN, bad: true},
		{at: 1000 * ms, flags: wire.SYN},
		{at: 1020 * ms, back: true, flags: wire.SYN | wire.ACK, ack: 1},
		{at: 1021 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello"},
	}, want: "#2 corrupt 0 0"},
	{name: "a damaged port", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", port: 512, bad: true},
	}, want: "#4 corrupt 0 0 5b"},
	{name: "an RST that refuses another SYN", bare: true, packets: []packetOf{
		{at: 0, flags: wire.SYN, id: 1},
		{at: 10 * ms, back: true, flags: wire.RST | wire.ACK, seq: 0, ack: -7},
		{at: 20 * ms, back: true, flags: wire.SYN | wire.ACK, ack: 1},
		{at: 20 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 2},
		{at: 40 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, id: 1},
	}, want: "#2 stray 0 0", bytes: "hello"},
	{name: "a gap of hundreds of megabytes", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 500_000_001, ack: 1, data: "ab", id: 3},
		{at: 31 * ms, flags: wire.ACK, seq: 500_000_003, ack: 1, data: "cd", id: 4},
		{at: 32 * ms, flags: wire.ACK, seq: 500_000_005, ack: 1, data: "ef", id: 5},
		{at: 33 * ms, flags: wire.ACK, seq: 500_000_007, ack: 1, data: "gh", id: 6},
		{at: 34 * ms, flags: wire.ACK, seq: 500_000_009, ack: 1, data: "ij", id: 7},
		{at: 54 * ms, back: true, flags: wire.ACK, seq: 1, ack: 500_000_011, id: 1},
	}, want: `#4 stray 0 0 2b
		#5 stray 0 0 2b
		#6 stray 0 0 2b
		#7 missed acknowledged 7 0 x1 500000006b`},
	{name: "a gap of hundreds of megabytes that the receiver shows", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3},
		{at: 50 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, id: 1},
		{at: 51 * ms, back: true, flags: wire.ACK, seq: 1, ack: 500_000_001, id: 7},
		{at: 52 * ms, flags: wire.ACK, seq: 499_999_999, ack: 1, data: "ab", id: 9},
		{at: 53 * ms, flags: wire.ACK, seq: 500_000_001, ack: 1, data: "cd", id: 10},
	}, want: "#7 missed acknowledged 7 5 x99999999 499999993b"},
	{name: "of what was missed, a part comes late", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", ts: 130, id: 3},
		{at: 31 * ms, flags: wire.ACK, seq: 10, ack: 1, data: "j", ts: 130, id: 6},
		{at: 32 * ms, back: true, flags: wire.ACK, seq: 1, ack: 11, ts: 131, id: 1},
		{at: 33 * ms, flags: wire.ACK, seq: 4, ack: 1, data: "def", ts: 130, id: 4},
	}, want: `#5 missed acknowledged 5 6 x8 8b
		#7 reordered ip-id 5 0 x1 3b
		#5 missed retracted 0 0 8b
		#5 missed acknowledged 5 6 x1 2b
		#5 missed acknowledged 5 6 x1 3b`, bytes: "a..def...j"},
	{name: "a retransmission captured just behind its acknowledgement", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", id: 3},
		{at: 31 * ms, flags: wire.ACK, seq: 3, ack: 1, data: "c", id: 5},
		{at: 31 * ms, back: true, flags: wire.ACK, seq: 1, ack: 2, id: 1, sack: []int{3, 4}},
		{at: 280 * ms, back: true, flags: wire.ACK, seq: 1, ack: 4, id: 2},
		{at: 280 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", id: 6},
	}, want: `#5 missed acknowledged 5 7 x1 1b
		#5 missed retracted 0 0 1b
		#8 retransmission sack 0 7 1b
		#8 lost-before ip-id 5 7 x1 1b`, bytes: "abc"},
	{name: "two acknowledgements that are the same but for the flow label", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, ts: 130, v6: true, id: 7},
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, ts: 130, v6: true, id: 8},
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, ts: 130, v6: true, id: 8},
	}, want: "#6 duplicate 5 0"},
	{name: "what was damaged is sent again in the same tick as an acknowledgement before it", bare: false, packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", ts: 130, v6: true},
		{at: 31 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", ts: 131, v6: true, bad: true},
		{at: 60 * ms, flags: wire.ACK, seq: 3, ack: 1, ts: 160, v6: true},
		{at: 60 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", ts: 160, v6: true},
	}, want: `#5 corrupt 0 0 1b
		#7 retransmission tail-loss-probe 5 0 1b`},
	{name: "the first and the second sending came, and a third was sent", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", ts: 130, id: 3},
		{at: 300 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", ts: 400, id: 4},
		{at: 700 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", ts: 800, id: 5},
		{at: 720 * ms, back: true, flags: wire.ACK, seq: 1, ack: 2, ts: 950, ecr: 400, id: 1, sack: []int{1, 2}},
	}, want: `#5 retransmission tail-loss-probe 4 0 1b
		#6 retransmission timer 5 0 1b
		#6 spurious timestamp 5 7 1b
		#4 undecided no-answer 6 7 x1 1b`},
	{name: "the snaplen cut the payload", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3, cut: 2},
		{at: 31 * ms, flags: wire.ACK, seq: 6, ack: 1, data: "world", id: 4, cut: 1},
	}, want: "", bytes: "hel..worl."},
	{name: "the capture dropped packets", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", ts: 130, id: 3},
		{at: 30 * ms, flags: wire.ACK, seq: 3, ack: 1, data: "c", ts: 130, id: 5, drops: 1},
		{at: 80 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", ts: 180, id: 6},
	}, want: `#6 retransmission unknown 0 0 1b
		#6 missed drops 5 0 x1 1b`, bytes: "abc"},
	{name: "captured at the sender itself, nothing is lost before", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", ts: 130, id: 3, dir: capture.DirectionOut},
		{at: 30 * ms, flags: wire.ACK, seq: 3, ack: 1, data: "c", ts: 130, id: 5, dir: capture.DirectionOut},
		{at: 80 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", ts: 180, id: 6, dir: capture.DirectionOut},
	}, want: `#6 retransmission unknown 0 0 1b
		#6 missed acknowledged 5 6 x1 1b`, bytes: "abc"},
	{name: "a retransmission that a newer one overtook, behind the first sending", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", id: 3},
		{at: 30 * ms, flags: wire.ACK, seq: 3, ack: 1, data: "c", id: 5},
		{at: 280 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", id: 7},
		{at: 281 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", id: 4},
		{at: 282 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", id: 6},
	}, want: `#6 retransmission timer 0 0 1b
		#6 lost-before ip-id 5 0 x1 1b
		#7 reordered ip-id 6 0 x2 1b
		#6 lost-before retracted 0 0 1b
		#8 reordered ip-id 6 0 x1 1b
		#8 retransmission timer 7 0 1b`, bytes: "abc"},
	{name: "a retransmission that a newer one overtook, and the first sending behind it", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", id: 3},
		{at: 30 * ms, flags: wire.ACK, seq: 3, ack: 1, data: "c", id: 5},
		{at: 280 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", id: 7},
		{at: 281 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", id: 6},
		{at: 282 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", id: 4},
	}, want: `#6 retransmission timer 0 0 1b
		#6 lost-before ip-id 5 0 x1 1b
		#7 reordered ip-id 6 0 x1 1b
		#6 lost-before retracted 0 0 1b
		#8 reordered ip-id 6 0 x2 1b
		#7 retransmission timer 8 0 1b`, bytes: "abc"},
	{name: "two retransmissions, and the first sending behind them", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", id: 3},
		{at: 30 * ms, flags: wire.ACK, seq: 3, ack: 1, data: "c", id: 5},
		{at: 280 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", id: 6},
		{at: 690 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", id: 7},
		{at: 700 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", id: 4},
	}, want: `#6 retransmission timer 0 0 1b
		#6 lost-before ip-id 5 0 x1 1b
		#7 retransmission timer 6 0 1b
		#8 reordered ip-id 7 0 x2 1b
		#6 lost-before retracted 0 0 1b`, bytes: "abc"},
	{name: "acknowledged too soon for the retransmission", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", id: 3},
		{at: 70 * ms, back: true, flags: wire.ACK, seq: 1, ack: 2, id: 1},
		{at: 80 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", id: 4},
		{at: 80 * ms, flags: wire.ACK, seq: 3, ack: 1, data: "c", id: 5},
		{at: 120 * ms, back: true, flags: wire.ACK, seq: 1, ack: 2, id: 2, sack: []int{3, 4}},
		{at: 131 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b", id: 6},
		{at: 138 * ms, back: true, flags: wire.ACK, seq: 1, ack: 4, id: 3},
	}, want: `#8 duplicate-ack 5 0 x1
		#9 retransmission sack 6 8 1b
		#6 undecided no-answer 9 10 x1 1b`, bytes: "abc"},
	{name: "a hole to the end", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", id: 3},
		{at: 30 * ms, flags: wire.ACK, seq: 3, ack: 1, data: "c", id: 5},
	}, want: "", finish: "#5 undecided no-acknowledgment 5 0 x1 1b", bytes: "a.c"},
	{name: "no order", bare: true, packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a"},
		{at: 30 * ms, flags: wire.ACK, seq: 3, ack: 1, data: "c"},
		{at: 80 * ms, flags: wire.ACK, seq: 2, ack: 1, data: "b"},
	}, want: "#3 undecided no-order 2 0 x1 1b", bytes: "abc"},
	{name: "an acknowledgement captured before its data", packets: []packetOf{
		{at: 30 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, id: 1},
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3},
	}, want: "#5 reordered acknowledged 4 0 5b", bytes: "hello"},
	{name: "a SYN captured behind its answer", bare: true, packets: []packetOf{
		{at: 20 * ms, back: true, flags: wire.SYN | wire.ACK, ack: 1},
		{at: 20 * ms, flags: wire.SYN},
		{at: 21 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3},
	}, want: "#2 reordered acknowledged 1 0", bytes: "hello"},
	{name: "no beginning", bare: true, packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 7001, ack: 301, data: "hello", id: 3},
		{at: 50 * ms, back: true, flags: wire.ACK, seq: 301, ack: 7006, id: 1, data: "yes"},
		{at: 51 * ms, flags: wire.ACK, seq: 7006, ack: 304, data: "world", id: 4},
	}, want: "", bytes: "helloworld"},
	{name: "the sequence numbers begin again from 0", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: strings.Repeat("a", 900), id: 3},
		{at: 30 * ms, flags: wire.ACK, seq: 1001, ack: 1, data: strings.Repeat("c", 100), id: 5, win: 4000},
		{at: 31 * ms, flags: wire.ACK, seq: 901, ack: 1, data: strings.Repeat("b", 100), id: 4},
		{at: 50 * ms, back: true, flags: wire.ACK, seq: 1, ack: 1101, id: 1},
	}, want: `#6 reordered ip-id 5 0 x1 100b
		#6 window-full 0 0 1000b`, bytes: strings.Repeat("a", 900) + strings.Repeat("b", 100) + strings.Repeat("c", 100)},
	{name: "fast open", bare: true, packets: []packetOf{
		{at: 0, flags: wire.SYN, data: "hello", id: 1},
		{at: 20 * ms, back: true, flags: wire.SYN | wire.ACK, ack: 6},
		{at: 20 * ms, flags: wire.ACK, seq: 6, ack: 1, data: "world", id: 2},
	}, want: "", bytes: "helloworld"},
	{name: "simultaneous open", bare: true, packets: []packetOf{
		{at: 0, flags: wire.SYN, id: 1},
		{at: 1 * ms, back: true, flags: wire.SYN, id: 1},
		{at: 20 * ms, flags: wire.SYN | wire.ACK, ack: 1, id: 2},
		{at: 21 * ms, back: true, flags: wire.SYN | wire.ACK, ack: 1, id: 2},
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3},
	}, want: "", bytes: "hello"},
	{name: "urgent data stays in the stream", packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK | wire.URG, seq: 1, ack: 1, data: "hello", id: 3},
		{at: 31 * ms, flags: wire.ACK, seq: 6, ack: 1, data: "world", id: 4},
	}, want: "", bytes: "helloworld"},
	{name: "too much out of order", cfg: Config{StreamBytes: 150}, packets: []packetOf{
		{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "a", id: 3},
		{at: 30 * ms, flags: wire.ACK, seq: 3, ack: 1, length: 60, data: "c", id: 5},
		{at: 30 * ms, flags: wire.ACK, seq: 63, ack: 1, length: 60, data: "d", id: 6},
	}, want: "#6 given-up bytes-limit 0 0 1b", finish: "#5 undecided no-acknowledgment 5 0 x1 1b"},
	{name: "too many streams", bare: true, cfg: Config{Streams: 2}, packets: []packetOf{
		{at: 0, flags: wire.SYN, id: 1, port: 1},
		{at: 1, flags: wire.SYN, id: 1, port: 2},
		{at: 2, flags: wire.SYN, id: 1, port: 3},
	}, want: "#3 given-up stream-limit 0 0"},
}

func TestCases(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			x := newTrial(t, c.cfg)
			if !c.bare {
				for _, p := range handshake(0) {
					if len(c.packets) > 0 && c.packets[0].ts == 0 {
						p.ts, p.ecr = 0, 0
					}
					x.add(p)
				}
			}
			x.add(c.packets...)
			x.expect(c.want)
			x.note(x.Finish())
			x.expect(c.finish)
			if got := string(x.bytes[0]); c.bytes != "" && got != c.bytes {
				t.Errorf("handed out %q, want %q", got, c.bytes)
			}
		})
	}
}

// TestIdentity: what makes a stream another one.
func TestIdentity(t *testing.T) {
	syn := packetOf{flags: wire.SYN, id: 1}
	change := func(f func(p *packetOf)) packetOf { p := syn; p.at, p.id = ms, 2; f(&p); return p }
	for name, c := range map[string]struct {
		second  packetOf
		cfg     Config
		streams int
	}{
		"the same":               {change(func(p *packetOf) {}), Config{}, 1},
		"another port":           {change(func(p *packetOf) { p.port = 1 }), Config{}, 2},
		"another VLAN":           {change(func(p *packetOf) { p.vlan = 7 }), Config{}, 2},
		"IPv6":                   {change(func(p *packetOf) { p.v6 = true }), Config{}, 2},
		"another interface":      {change(func(p *packetOf) { p.iface = 1 }), Config{}, 1},
		"interfaces are told":    {change(func(p *packetOf) { p.iface = 1 }), Config{Interfaces: true}, 2},
		"the port is used again": {change(func(p *packetOf) { p.seq = 50_000 }), Config{}, 2},
		"the other direction":    {change(func(p *packetOf) { p.back, p.flags, p.ack = true, wire.SYN|wire.ACK, 1 }), Config{}, 1},
	} {
		x := newTrial(t, c.cfg)
		x.add(syn, c.second)
		if len(x.streams) != c.streams {
			t.Errorf("%s: %d streams, want %d", name, len(x.streams), c.streams)
		}
	}
}

// TestEnds: how a connection ends, and who did it.
func TestEnds(t *testing.T) {
	fin := packetOf{at: 30 * ms, flags: wire.FIN | wire.ACK, seq: 1, ack: 1, id: 3}
	for name, c := range map[string]struct {
		packets []packetOf
		end     End
		by      Direction
		packet  uint64
	}{
		"open":        {nil, Open, Forward, 0},
		"half-closed": {[]packetOf{fin}, HalfOpen, Forward, 4},
		"closed by the server": {[]packetOf{
			{at: 30 * ms, back: true, flags: wire.FIN | wire.ACK, seq: 1, ack: 1},
			{at: 31 * ms, flags: wire.FIN | wire.ACK, seq: 1, ack: 2, id: 3},
		}, Closed, Backward, 4},
		"reset behind the FIN": {[]packetOf{fin, {at: 50 * ms, back: true, flags: wire.RST, seq: 1}}, WasReset, Backward, 5},
	} {
		x := newTrial(t, Config{})
		x.add(handshake(0)...)
		x.add(c.packets...)
		if end, by, packet := x.streams[0].End(); end != c.end || by != c.by || packet != c.packet {
			t.Errorf("%s: %v by %v in %d", name, end, by, packet)
		}
	}
}

// TestLimits: the shares of what held a sender back.
func TestLimits(t *testing.T) {
	x := newTrial(t, Config{})
	x.add(handshake(8)...)
	x.add(segmentsOf(100*ms, 1, 5, 200, 3)...) // full ones: the network is waited for
	x.add(ackOf(120*ms, 501, 1000, 200))       // then there is nothing to send
	p := packetOf{at: 220 * ms, flags: wire.ACK | wire.PSH, seq: 501, ack: 1, length: 30, ts: 320, ecr: 1000, id: 8}
	x.add(p) // one that is short: the application
	a := ackOf(240*ms, 531, 1120, 320)
	a.win = -1
	x.add(a) // then the receiver takes no more
	b := ackOf(540*ms, 531, 1420, 320)
	x.add(b)
	got := x.streams[0].Side(Forward).Limits
	if got.Receiver != 300*ms || got.Application != 120*ms || got.Network < 19*ms || got.Network > 20*ms {
		t.Errorf("%+v", got)
	}
	if app, receiver, network, ok := got.Shares(); !ok || app+receiver+network < 0.999 || receiver < 0.6 {
		t.Errorf("%v %v %v", app, receiver, network)
	}
}

// TestKarn: what was sent again gives a round trip only where the timestamp tells which of the two was acknowledged.
func TestKarn(t *testing.T) {
	for _, ts := range []int{0, 360} {
		x := newTrial(t, Config{})
		x.add(handshake(0)...)
		first := packetOf{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 3}
		again := packetOf{at: 260 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", id: 4}
		ack := packetOf{at: 281 * ms, back: true, flags: wire.ACK, seq: 1, ack: 6, id: 1}
		if ts != 0 {
			first.ts, again.ts, ack.ts, ack.ecr = ts-230, ts, 1200, ts
		}
		x.add(first, again, ack)
		trips := x.streams[0].Side(Forward).RoundTrips
		if ts == 0 && trips.Count != 0 || ts != 0 && (trips.Count != 1 || trips.Min != 21*ms) {
			t.Errorf("timestamp %d: %+v", ts, trips)
		}
	}
}

func TestPercentiles(t *testing.T) {
	var r RoundTrips
	for i := 1; i <= 1000; i++ {
		r.add(time.Duration(i) * 100 * time.Microsecond)
	}
	for _, p := range []float64{1, 10, 50, 90, 99, 100} {
		want := time.Duration(p*10) * 100 * time.Microsecond
		if got := r.Percentile(p); got < want*93/100 || got > want*107/100 {
			t.Errorf("%v%%: %v, want %v", p, got, want)
		}
	}
	var two RoundTrips
	two.Merge(&r)
	two.Merge(&r)
	if two.Count != 2000 || two.Percentile(50) != r.Percentile(50) || r.Count != 1000 {
		t.Errorf("merged: %d, %v", two.Count, two.Percentile(50))
	}
}
