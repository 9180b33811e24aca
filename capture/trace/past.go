package trace

import (
	"slices"
)

// past is what is known of the time before the events that are joined: sockets that were made, connections
// that have begun. The zero value knows nothing.
type past struct {
	hosts   []*Host
	sockets []*Socket // in the order of creation, those that can still occur
	made    int       // sockets so far
	conns   []*conn
	carried map[int][]int // numbers of packets that carried bytes of a call which is still among the events
	waiting bool          // some call has waited for descriptors
	judge   *judge        // what is known of the segments, nil at the start
}

// copies are the sockets and connections for one joining, which changes them.
func (p *past) copies() ([]*Socket, []*conn) {
	copied := make(map[*Socket]*Socket, len(p.sockets))
	sockets := make([]*Socket, 0, len(p.sockets))
	for _, s := range p.sockets {
		c := *s
		c.names, c.dissolved = slices.Clip(s.names), slices.Clip(s.dissolved) // what is appended goes to a copy
		c.settings = map[string][]setting{}
		for name, all := range s.settings {
			c.settings[name] = slices.Clip(all)
		}
		copied[s] = &c
		sockets = append(sockets, &c)
	}
	of := func(s *Socket) *Socket {
		if c := copied[s]; c != nil {
			return c
		}
		return s
	}
	for _, s := range sockets {
		s.Parent, s.Peer = of(s.Parent), of(s.Peer)
	}
	conns := make([]*conn, 0, len(p.conns))
	for _, k := range p.conns {
		c := &conn{start: k.start}
		for i, f := range k.flows {
			c.flows[i] = &flow{src: f.src, dst: f.dst, conn: c, from: of(f.from), track: f.track, before: f.track}
		}
		c.flows[0].back, c.flows[1].back = c.flows[1], c.flows[0]
		conns = append(conns, c)
	}
	return sockets, conns
}
