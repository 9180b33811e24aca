package app_test

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"sockwire/capture/decode"
)

// TestMutatedWeb changes messages of what is sealed and of HTTP/2: nothing panics.
func TestMutatedWeb(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	hello := "16feff000000000000000000380100002c0000000000" + "00002cfefd" + strings.Repeat("11", 32) + "00000002c02b01000000"
	for _, c := range []struct {
		kind decode.Type
		hex  string
	}{
		{decode.TypeHTTP2, "000003010500000001828487"}, {decode.TypeHTTP2, "000006040000000000000300000064"},
		{decode.TypeSSH, "0000003c041400112233445566778899aabbccddeeff00000003612c62000000016300000003642c65" + strings.Repeat("00", 40)},
		{decode.TypeSSH, hex.EncodeToString([]byte("SSH-2.0-OpenSSH\r\n"))},
		{decode.TypeWireGuard, "01000000" + strings.Repeat("00", 144)}, {decode.TypeWireGuard, "04000000010000000500000000000000"},
		{decode.TypeDTLS, hello}, {decode.TypeDTLS, "15fefd0000000000000001000202281700"},
		{decode.TypeISAKMP, "10000000000000010000000000000000" + "2120220800000000000000442200002400000020010100030300000801000014" +
			"030000080200000500000008040000" + "1f00000004"},
		{decode.TypeQUIC, "c300000001040102030400" + "01aa0400000000e3000000010401020304000200" + "00"},
	} {
		data, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		for range 20000 {
			unguarded(t, c.kind, mutate(rng, data))
		}
	}
}
