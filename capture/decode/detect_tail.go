package decode

// isLCM tells the magic number of a message, or of a fragment of one, of the Lightweight Communications and Marshalling.
func isLCM(b []byte, port bool) bool {
	return len(b) >= 17 && string(b[:3]) == "LC0" && (b[3] == '2' || b[3] == '3')
}

// isRMCP tells the header of version 1 (ASF 2.0 section 3.2.2.2).
func isRMCP(b []byte, port bool) bool { return len(b) >= 4 && b[0] == 6 && b[1] == 0 }

func carriesRMCP(b []byte) (header int, next Type) { return 4, TypePayload }

// isASF tells the enterprise number of ASF, which its messages begin with (ASF 2.0 section 3.2.2.3).
func isASF(b []byte, port bool) bool { return len(b) >= 8 && be32(b) == 4542 }

// carriesEtherIP leads to the frame behind the version (RFC 3378).
func carriesEtherIP(b []byte) (header int, next Type) { return 2, TypeEthernet }
