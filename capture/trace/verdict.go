package trace

import (
	"slices"
	"time"

	"sockwire/capture"
	tcpflow "sockwire/capture/flow"
)

// Bounds of the tracker that judges segments. A trace has few connections at a time.
const (
	judgedStreams = 1 << 14
	judgedBytes   = 16 << 20
)

// epoch is where the timeline's clock starts for the tracker, which only needs differences.
var epoch = time.Unix(1<<30, 0)

// judge says what became of segments: that one was sent again and why, that one was lost, that a window is closed. It
// sees each packet once, in the order of time, with those of all hosts told apart by where they were captured.
type judge struct {
	tracker *tcpflow.Tracker
	places  map[string]int // of a host and an interface
	of      map[int][]tcpflow.Verdict
}

func newJudge() *judge {
	return &judge{places: map[string]int{}, of: map[int][]tcpflow.Verdict{},
		tracker: tcpflow.NewTracker(&tcpflow.Config{Streams: judgedStreams, Bytes: judgedBytes, Interfaces: true})}
}

// judge gives the packets their verdicts. Those that it has seen before are known.
func (j *judge) judge(packets []*PacketRecord) {
	for _, q := range packets {
		if _, known := j.of[q.Number]; !known {
			j.of[q.Number] = nil
			j.see(q.Packet)
		}
	}
	for _, q := range packets {
		q.Verdicts = slices.Clip(j.of[q.Number])
	}
}

// see takes the next packet.
func (j *judge) see(p *Packet) {
	if p.TCP == nil || len(p.Network) == 0 || p.Fragment.Is || p.Uncaptured {
		return
	}
	place := p.Host + "\x00" + p.Interface
	if _, ok := j.places[place]; !ok {
		j.places[place] = len(j.places)
	}
	r := readers.Get().(*reader)
	defer r.free()
	f := capture.Frame{Data: p.Network, Length: max(p.NetworkHeader+p.TransportHeader+p.PayloadLength, len(p.Network)), Link: capture.LinkRaw,
		Time: epoch.Add(p.Time), Interface: j.places[place], Offload: capture.Offload{SegmentSize: uint16(min(p.SegmentSize, 0xffff)), Segments: uint16(min(p.Segments, 0xffff))}}
	_ = r.decoder.Decode(f, &r.packet) // a fault behind the TCP header does not matter, and one before it is no segment
	r.packet.Number = uint64(p.Number)
	for _, v := range j.tracker.Add(&r.packet).Verdicts {
		n := int(v.Packet)
		all, held := j.of[n]
		if !held {
			continue // it is forgotten
		}
		v.Stream = nil // it is the tracker's
		if v.Retracted {
			j.of[n] = slices.DeleteFunc(slices.Clone(all), func(x tcpflow.Verdict) bool { return x.Kind == v.Kind })
		} else {
			j.of[n] = append(slices.Clip(all), v)
		}
	}
}

// forget lets go of the packets that are held no more.
func (j *judge) forget(held func(number int) bool) {
	for n := range j.of {
		if !held(n) {
			delete(j.of, n)
		}
	}
}

// Again returns the verdict that the packet's bytes were sent before, and why they were sent again, nil where there is
// none.
func (p *PacketRecord) Again() *tcpflow.Verdict {
	for i := range p.Verdicts {
		if p.Verdicts[i].Kind == tcpflow.Retransmission {
			return &p.Verdicts[i]
		}
	}
	return nil
}
