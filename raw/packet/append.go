package packet

import (
	"errors"
	"fmt"
)

// layerError says which layer cannot be built, and why.
type layerError struct {
	index int
	name  string
	err   error
}

func (e *layerError) Error() string { return fmt.Sprintf("layer %d, %s: %v", e.index+1, e.name, e.err) }
func (e *layerError) Unwrap() error { return e.err }

// Append appends the packet made of layers, the outermost first, to b and returns the longer slice. On an error,
// which names the layer, it returns b as it was. It allocates only when b has too little room or the packet more
// than 16 layers.
func Append(b []byte, layers ...Layer) ([]byte, error) {
	var room [17]int
	b, _, err := appendStarts(b, room[:0], layers)
	if err != nil {
		return b, fmt.Errorf("packet: %w", err)
	}
	return b, nil
}

// appendStarts is Append that also appends to starts where each layer starts in b, and the end.
func appendStarts(b []byte, starts []int, layers []Layer) ([]byte, []int, error) {
	// The layers are told apart by type, not called through the interface: so they stay on the caller's stack.
	start := len(b)
	for i, l := range layers {
		starts = append(starts, len(b))
		var err error
		if b, err = appendLayer(b, l, layers[i+1:]); err != nil {
			if u := (*unknownNext)(nil); errors.As(err, &u) && i+1 < len(layers) {
				u.next = title(layers[i+1])
			}
			return b[:start], starts, &layerError{i, title(l), err}
		}
	}
	starts = append(starts, len(b))
	for i := len(layers) - 1; i >= 0; i-- {
		var err error
		if b, err = finishLayer(b, layers, i, starts); err != nil {
			return b[:start], starts, &layerError{i, title(layers[i]), err}
		}
	}
	return b, starts, nil
}
