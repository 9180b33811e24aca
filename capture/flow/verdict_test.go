package flow

import (
	"testing"

	"sockwire/raw/wire"
)

func TestPlainProgress(t *testing.T) {
	x := newTrial(t, Config{})
	x.add(handshake(1)...)
	x.add(segmentsOf(30*ms, 1, 10, 130, 3)...)
	x.add(ackOf(50*ms, 1001, 950, 130))
	x.add(packetOf{at: 60 * ms, flags: wire.FIN | wire.ACK, seq: 1001, ack: 1, ts: 160, ecr: 950, id: 13})
	x.add(packetOf{at: 80 * ms, back: true, flags: wire.FIN | wire.ACK, seq: 1, ack: 1002, ts: 980, ecr: 160, id: 951})
	x.add(packetOf{at: 81 * ms, flags: wire.ACK, seq: 1002, ack: 2, ts: 180, ecr: 980, id: 14})
	x.expect("#13 window-full 0 0 1000b")
	s := x.streams[0]
	if how, by, packet := s.End(); how != Closed || by != Forward || packet != 15 {
		t.Errorf("ended %v by %v in %d", how, by, packet)
	}
	if a, b := s.Handshake(); a != 20*ms || b != ms/20 {
		t.Errorf("handshake %v %v", a, b)
	}
	f := s.Side(Forward)
	if f.Packets != 14 || f.Segments != 10 || f.Bytes != 1000 || f.Again != 0 || f.MaxInFlight != 1000 || f.MSS != 1000 || f.Scale != 0 || !f.SACKPermitted || !f.Timestamps {
		t.Errorf("%+v", f)
	}
	if len(x.bytes[0]) != 1000 || !x.chunks[len(x.chunks)-1].End {
		t.Errorf("%d bytes", len(x.bytes[0]))
	}
}

// TestLostBehind: captured at the sender, a segment is lost, selective acknowledgements tell, and it is sent again.
func TestLostBehind(t *testing.T) {
	x := newTrial(t, Config{})
	x.add(handshake(8)...)
	x.add(segmentsOf(30*ms, 1, 5, 130, 3)...) // #4 to #8; #5 is lost
	x.add(ackOf(50*ms, 101, 950, 130))
	x.add(ackOf(50*ms, 101, 950, 130, 201, 301))
	x.add(ackOf(50*ms, 101, 950, 130, 201, 401))
	x.add(ackOf(51*ms, 101, 951, 130, 201, 501))
	x.add(packetOf{at: 52 * ms, flags: wire.ACK, seq: 101, ack: 1, length: 100, ts: 152, ecr: 951, id: 8})
	x.expect(`#10 duplicate-ack 9 0 x1
		#11 duplicate-ack 9 0 x2
		#12 duplicate-ack 9 0 x3
		#13 retransmission sack 5 12 100b`)
	x.add(ackOf(72*ms, 501, 972, 152))
	x.expect("#5 lost-behind 13 14 x1 100b")
	if f := x.streams[0].Side(Forward); f.Again != 100 || f.Bytes != 500 || f.Retransmissions(SACK) != 1 || f.Count(LostBehind) != 1 {
		t.Errorf("%+v", f)
	}
}

// TestLostBefore: captured at the receiver, the same.
func TestLostBefore(t *testing.T) {
	x := newTrial(t, Config{})
	x.add(handshake(8)...)
	all := segmentsOf(30*ms, 1, 5, 130, 3)
	x.add(all[0], all[2])
	x.add(ackOf(30*ms, 101, 950, 130, 201, 301))
	x.add(all[3])
	x.add(ackOf(30*ms, 101, 950, 130, 201, 401))
	x.add(all[4])
	x.add(ackOf(30*ms, 101, 950, 130, 201, 501))
	x.add(packetOf{at: 52 * ms, flags: wire.ACK, seq: 101, ack: 1, length: 100, ts: 152, ecr: 950, id: 8})
	x.add(ackOf(52*ms, 501, 972, 152))
	x.expect(`#8 duplicate-ack 6 0 x1
		#10 duplicate-ack 6 0 x2
		#11 retransmission sack 0 10 100b
		#11 lost-before ip-id 5 10 x1 100b`)
	if len(x.bytes[0]) != 500 {
		t.Errorf("%d bytes", len(x.bytes[0]))
	}
}

// TestReordered: a segment is overtaken by two.
func TestReordered(t *testing.T) {
	for name, set := range map[string]func(*packetOf){
		"ip-id":     func(p *packetOf) {},
		"timestamp": func(p *packetOf) { p.id = 0 },
		"time":      func(p *packetOf) { p.id, p.ts = 0, 0 },
	} {
		x := newTrial(t, Config{})
		for _, p := range handshake(8) {
			set(&p)
			x.add(p)
		}
		all := segmentsOf(30*ms, 1, 5, 130, 3)
		if name == "timestamp" {
			for i := range all {
				all[i].ts += i
			}
		}
		for i := range all {
			set(&all[i])
		}
		x.add(all[0], all[2], all[3], all[1], all[4])
		x.expect("#7 reordered " + name + " 5 0 x2 100b")
		if len(x.bytes[0]) != 500 {
			t.Errorf("%s: %d bytes", name, len(x.bytes[0]))
		}
	}
}

// TestMissed: the capture does not have a segment that is acknowledged.
func TestMissed(t *testing.T) {
	x := newTrial(t, Config{})
	x.add(handshake(8)...)
	all := segmentsOf(30*ms, 1, 5, 130, 3)
	x.add(all[0], all[2], all[3], all[4])
	x.add(ackOf(50*ms, 501, 950, 130))
	x.expect("#5 missed acknowledged 5 8 x1 100b")
	x.add(ackOf(51*ms, 701, 951, 131)) // two more that were never seen
	x.expect("")                       // some captures have an acknowledgement before what it is for
	x.add(segmentsOf(60*ms, 701, 1, 160, 10)...)
	x.expect("#9 missed acknowledged 0 9 x2 200b")
	f := x.streams[0].Side(Forward)
	if f.Missing != 300 || f.Bytes != 500 || f.Count(Missed) != 2 {
		t.Errorf("%+v", f)
	}
	if len(x.bytes[0]) != 800 {
		t.Errorf("%d bytes", len(x.bytes[0]))
	}
}
