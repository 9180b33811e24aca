package main

import (
	"fmt"
	"testing"
	"time"

	"sockwire/capture/stats"
)

// TestTopGathers: what passes now and what was counted since the last reset is kept for each thing, also for those that
// come later and in other places of the list.
func TestTopGathers(t *testing.T) {
	counts := map[string]uint64{}
	order := []string{}
	p := &topPage{page: page{list: func(p *topPage, _ *capturer) func(int) told {
		for _, name := range order {
			p.add(p.number(name), stats.Count{Packets: counts[name], Bytes: 100 * counts[name]})
		}
		return func(at int) told { return told{name: order[at]} }
	}}}
	start := time.Unix(1e9, 0)
	look := func(seconds int, names ...string) (shown string) {
		order = names
		tell := p.gather(nil, start.Add(time.Duration(seconds)*time.Second))
		for _, n := range p.talkers {
			shown += fmt.Sprintf("%s:%d:%.0f ", tell(n.at).name, n.total.packets, n.now)
		}
		return shown
	}
	for i, c := range []struct {
		names []string
		add   uint64 // to each
		want  string
	}{
		{[]string{"a"}, 1, "a:1:0 "},
		{[]string{"b", "a"}, 2, "b:2:1600 a:3:1600 "},
		{[]string{"a", "c", "b"}, 0, "a:3:0 b:2:0 "}, // c has no packets
		{[]string{"c", "b", "a"}, 1, "c:1:800 b:3:800 a:4:800 "},
	} {
		for _, name := range c.names {
			counts[name] += c.add
		}
		if got := look(i, c.names...); got != c.want {
			t.Errorf("after %d s %q, want %q", i, got, c.want)
		}
	}
	if got, want := look(3, "a"), "a:4:800 "; got != want {
		t.Errorf("at the same moment %q, want %q", got, want)
	}
}
