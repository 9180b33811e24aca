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

// certificateList returns where the length of the list of a Certificate message stands. In TLS 1.3 a context is before
// it, which is empty but for requests, and each certificate has extensions (RFC 8446 section 4.4.2, RFC 5246 section
// 7.4.2).
func certificateList(data []byte, off int) (at int, extensions bool) {
	n := handshakeLength(data, off)
	if off+8 > len(data) || n < 4 {
		return off + 4, false
	}
	list := handshakeLength(data, off+3) // the three bytes at off+4
	context := int(data[off+4])
	if at = off + 5 + context; list != n-3 && at+3 <= len(data) && handshakeLength(data, at-1) == n-4-context {
		return at, true
	}
	return off + 4, false
}

// certificateAt reads a certificate of the list of a Certificate message, which starts at a place with its length. The
// certificate is nil where it cannot be read.
func certificateAt(data []byte, at, end int, extensions bool) (c *x509.Certificate, size, next int) {
	r := reader{b: data[:end], off: at}
	der := r.list(3)
	if r.bad {
		return nil, end - at - 3, end
	}
	if extensions {
		r.list(2)
	}
	if next = r.off; r.bad {
		next = end
	}
	c, err := x509.ParseCertificate(der.of(data))
	if err != nil {
		return nil, der.n, next
	}
	return c, der.n, next
}

// certificateFields adds the certificates of the message that starts at off.
func certificateFields(w *decode.FieldWriter, off int) {
	data := w.Data()
	end := min(off+4+handshakeLength(data, off), len(data))
	at, extensions := certificateList(data, off)
	w.Uint(fTLSCerts, at, 3)
	at += 3
	for n := 0; at+3 <= end && n < maxCertificates; n++ {
		c, size, next := certificateAt(data, at, end, extensions)
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
	at, extensions := certificateList(data, off)
	if at+3 > end {
		return b
	}
	c, _, _ := certificateAt(data, at+3, end, extensions)
	if c == nil {
		return b
	}
	s := c.Subject.String()
	if s == "" && len(c.DNSNames) > 0 {
		s = c.DNSNames[0]
	}
	return decode.AppendQuoted(append(b, ' '), []byte(s), maxText)
}
