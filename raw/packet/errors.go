package packet

import "fmt"

// SyntaxError says where an expression is wrong and how.
type SyntaxError struct {
	Column  int // of the first wrong character, from 1, in characters
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("packet: column %d: %s", e.Column, e.Problem)
}
