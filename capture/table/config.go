package table

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"strings"

	"sockwire/capture/decode"
)

// Config says how tables are written. The zero value is ready.
type Config struct {
	Decoder decode.Decoder // of the packets
	Data    bool           // with the captured bytes, as the column data
	Run     string         // who writes; "" makes a name of the host and a random number
	Version string         // of the program, for the file
	Warn    func(string)   // is told, in a line, what a user ought to know; nil for nobody
	Workers int            // goroutines that decode, and that encode; 0 is one for each processor
}

// NewRun returns a name for who writes, which no other has: the host's name and a random number.
func NewRun() string {
	host, _ := os.Hostname()
	host = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, host)
	if len(host) > 32 {
		host = host[:32]
	}
	return host + "-" + RandomName()
}

// RandomName returns twelve digits that nobody else has.
func RandomName() string {
	var b [6]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func about(c *Config) map[string]string { return map[string]string{"run": c.Run, "version": c.Version} }
