package app

import (
	"crypto/x509"
	"time"

	"sockwire/capture/decode"
)

var (
	fTLSCerts     = decode.Define("tls.handshake.certificates_length", "Certificates length", decode.KindUint).As("certificates_length")
	fTLSCert      = decode.Define("tls.handshake.certificate", "Certificate", decode.KindGroup).As("certificates").Several()
	fTLSCertLen   = decode.Define("tls.handshake.certificate_length", "Length", decode.KindUint).As("length")
	fTLSSubject   = decode.Define("tls.certificate.subject", "Subject", decode.KindText).As("subject")
	fTLSIssuer    = decode.Define("tls.certificate.issuer", "Issuer", decode.KindText).As("issuer")
	fTLSSerial    = decode.Define("tls.certificate.serial_number", "Serial number", decode.KindText).As("serial_number")
	fTLSNotBefore = decode.Define("tls.certificate.not_before", "Not before", decode.KindText).As("not_before")
	fTLSNotAfter  = decode.Define("tls.certificate.not_after", "Not after", decode.KindText).As("not_after")
	fTLSNames     = decode.Define("tls.certificate.dns_name", "DNS name", decode.KindText).As("dns_names").Several()
	fTLSAddresses = decode.Define("tls.certificate.ip_address", "Address", decode.KindIP).As("ip_addresses").Several()
	fTLSKey       = decode.Define("tls.certificate.key_algorithm", "Key algorithm", decode.KindText).As("key_algorithm")
	fTLSSignature = decode.Define("tls.certificate.signature_algorithm", "Signature algorithm", decode.KindText).As("signature_algorithm")
)

const (
	maxCertificates     = 8  // of a message that are shown
	maxCertificateNames = 64 // of a certificate that are shown
)

// certificateAt reads a certificate of the list of a Certificate message of TLS 1.2 and earlier (RFC 5246 section
// 7.4.2), which starts at a place with its length. The certificate is nil where it cannot be read.
func certificateAt(data []byte, at, end int) (c *x509.Certificate, next int) {
	if at+3 > end {
		return nil, end
	}
	n := int(data[at])<<16 | int(data[at+1])<<8 | int(data[at+2])
	if next = at + 3 + n; next > end {
		return nil, end
	}
	c, err := x509.ParseCertificate(data[at+3 : next])
	if err != nil {
		return nil, next
	}
	return c, next
}

// certificateFields adds the certificates of the message that starts at off.
func certificateFields(w *decode.FieldWriter, off int) {
	data := w.Data()
	end := min(off+4+handshakeLength(data, off), len(data))
	w.Uint(fTLSCerts, off+4, 3)
	for at, n := off+7, 0; at+3 <= end && n < maxCertificates; n++ {
		c, next := certificateAt(data, at, end)
		size := next - at - 3
		w.Group(fTLSCert, at, size+3)
		w.Uint(fTLSCertLen, at, 3)
		if c != nil {
			text := func(d *decode.Definition, s string) {
				if s != "" {
					w.Text(d, at+3, size, []byte(s))
				}
			}
			text(fTLSSubject, c.Subject.String())
			text(fTLSIssuer, c.Issuer.String())
			text(fTLSSerial, c.SerialNumber.Text(16))
			text(fTLSNotBefore, c.NotBefore.UTC().Format(time.RFC3339))
			text(fTLSNotAfter, c.NotAfter.UTC().Format(time.RFC3339))
			text(fTLSKey, c.PublicKeyAlgorithm.String())
			text(fTLSSignature, c.SignatureAlgorithm.String())
			for _, s := range c.DNSNames[:min(len(c.DNSNames), maxCertificateNames)] {
				text(fTLSNames, s)
			}
			for _, ip := range c.IPAddresses[:min(len(c.IPAddresses), maxCertificateNames)] {
				w.Text(fTLSAddresses, at+3, size, ip)
			}
		}
		w.End()
		at = next
	}
}

// appendCertificate adds whom the first certificate of the message at off is for.
func appendCertificate(b, data []byte, off int) []byte {
	end := min(off+4+handshakeLength(data, off), len(data))
	c, _ := certificateAt(data, off+7, end)
	if c == nil {
		return b
	}
	s := c.Subject.String()
	if s == "" && len(c.DNSNames) > 0 {
		s = c.DNSNames[0]
	}
	return decode.AppendQuoted(append(b, ' '), []byte(s), maxText)
}

// tlsAlertName is the name of RFC 8446 section 6, and of the RFCs before it.
func tlsAlertName(n uint64) string { return tlsAlerts.Of(n) }

var tlsAlerts = decode.Names{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow", 30: "decompression_failure",
	40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked",
	45: "certificate_expired", 46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
	51: "decrypt_error", 60: "export_restriction", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
	86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension", 110: "unsupported_extension",
	111: "certificate_unobtainable", 112: "unrecognized_name", 113: "bad_certificate_status_response", 114: "bad_certificate_hash_value",
	115: "unknown_psk_identity", 116: "certificate_required", 120: "no_application_protocol",
}

// tlsLevelName is the level of an alert.
func tlsLevelName(n uint64) string {
	switch n {
	case 1:
		return "warning"
	case 2:
		return "fatal"
	}
	return ""
}
