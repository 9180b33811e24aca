package packet

import (
	"reflect"
	"slices"
)

// Edit is a change to packets that exist: an expression of which only the written fields count.
type Edit struct{ t *Template }

// ParseEdit reads an edit, such as "ip{ttl=1, dst=192.0.2.2} / udp{chksum=auto}". Fields of value auto are computed
// anew; a payload replaces the packet's.
func (p *Parser) ParseEdit(spec string) (*Edit, error) {
	t := &Template{spec: spec}
	run := &parsing{Parser: p, spec: spec, t: t}
	err := run.run(func() {
		run.expression()
		if t.cut != nil {
			run.fail(0, "an edit cuts no packets into fragments")
		}
		run.layOut()
	})
	if err != nil {
		return nil, err
	}
	return &Edit{t}, nil
}

// SetSeed chooses the random values of the edit.
func (e *Edit) SetSeed(seed uint64) { e.t.SetSeed(seed) }

// Apply changes layers, which [Dissect] returned, as the edit's n-th packet has it: each layer of the edit changes the
// first of its kind behind the one changed before. It returns the layers, and whether all layers of the edit were
// found.
func (e *Edit) Apply(layers []Layer, n uint64) ([]Layer, bool) {
	e.t.Layers(n)
	from, all := 0, true
	for i := range e.t.nodes {
		node := &e.t.nodes[i]
		if node.kind == nil {
			layers = replacePayload(layers, *node.layer.(*Payload))
			continue
		}
		at := slices.IndexFunc(layers[from:], func(l Layer) bool { return reflect.TypeOf(l) == reflect.TypeOf(node.layer) })
		if at < 0 {
			all = false
			continue
		}
		from += at
		node.copyTo(layers[from])
		from++
	}
	return layers, all
}

// copyTo sets the fields that were written.
func (n *node) copyTo(l Layer) {
	src, dst := reflect.ValueOf(n.layer).Elem(), reflect.ValueOf(l).Elem()
	for _, part := range n.parts {
		if part.bits == 0 {
			dst.Field(part.index).Set(src.Field(part.index))
			continue
		}
		from, to := target{ptr: fieldPtr(n.layer, part.index)}, target{ptr: fieldPtr(l, part.index), shift: part.shift, part: part.bits}
		to.set(number(from.get().lo >> part.shift))
	}
}

func replacePayload(layers []Layer, p Payload) []Layer {
	last := len(layers) - 1
	if _, ok := layers[last].(Payload); ok {
		layers[last] = slices.Clone(p)
		return layers
	}
	return append(layers, slices.Clone(p))
}
