package runs

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Records reads JSON Lines, as commands write them with --json, and gives each record that has a "type" with it. A line
// is take's only until it returns. One longer than longest bytes is refused. Errors name the line.
func Records(in io.Reader, longest int, take func(kind string, line []byte) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longest)
	n := 1
	for ; lines.Scan(); n++ {
		var record struct{ Type string }
		err := json.Unmarshal(lines.Bytes(), &record)
		if err == nil {
			err = take(record.Type, lines.Bytes())
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	err := lines.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d bytes: it is to be what --json wrote", n, longest)
	}
	return err
}
