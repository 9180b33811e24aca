package app

import "sockwire/capture/decode"

const (
	tlsAlert     = 21
	tlsHandshake = 22
	tlsRecords   = 32 // records looked at in one segment

	// Handshake types. From the ServerHello on they are encrypted in TLS 1.3.
	tlsClientHello         = 1
	tlsServerHello         = 2
	tlsNewSessionTicket    = 4
	tlsEncryptedExtensions = 8
	tlsCertificate         = 11
	tlsServerKeyExchange   = 12
)

// isGrease tells the values that are reserved so that peers learn to pass unknown ones over (RFC 8701).
func isGrease(n uint64) bool { return n <= 0xffff && n&0x0f0f == 0x0a0a && n>>8 == n&0xff }

// named gives the values of a list names, and those that are GREASE theirs.
func named(m decode.Names) func(uint64) string {
	return func(n uint64) string {
		if isGrease(n) {
			return "GREASE"
		}
		return m[n]
	}
}

// tlsExtensionName is the name of an extension in the registry of IANA.
var tlsExtensionName = named(decode.Names{
	0: "server_name", 1: "max_fragment_length", 2: "client_certificate_url", 3: "trusted_ca_keys", 4: "truncated_hmac",
	5: "status_request", 6: "user_mapping", 7: "client_authz", 8: "server_authz", 9: "cert_type",
	10: "supported_groups", 11: "ec_point_formats", 12: "srp", 13: "signature_algorithms", 14: "use_srtp",
	15: "heartbeat", 16: "application_layer_protocol_negotiation", 17: "status_request_v2",
	18: "signed_certificate_timestamp", 19: "client_certificate_type", 20: "server_certificate_type", 21: "padding",
	22: "encrypt_then_mac", 23: "extended_master_secret", 24: "token_binding", 25: "cached_info",
	27: "compress_certificate", 28: "record_size_limit", 34: "delegated_credential", 35: "session_ticket",
	41: "pre_shared_key", 42: "early_data", 43: "supported_versions", 44: "cookie", 45: "psk_key_exchange_modes",
	47: "certificate_authorities", 48: "oid_filters", 49: "post_handshake_auth", 50: "signature_algorithms_cert",
	51: "key_share", 52: "transparency_info", 54: "connection_id", 55: "external_id_hash", 56: "external_session_id",
	57: "quic_transport_parameters", 58: "ticket_request", 59: "dnssec_chain", 13172: "next_protocol_negotiation",
	17513: "application_settings", 17613: "application_settings", 30032: "channel_id", 64768: "ech_outer_extensions",
	65037: "encrypted_client_hello", 65281: "renegotiation_info",
})

// tlsGroupName is the name of a group for key exchange in the registry of IANA.
var tlsGroupName = named(decode.Names{
	1: "sect163k1", 2: "sect163r1", 3: "sect163r2", 4: "sect193r1", 5: "sect193r2", 6: "sect233k1", 7: "sect233r1",
	8: "sect239k1", 9: "sect283k1", 10: "sect283r1", 11: "sect409k1", 12: "sect409r1", 13: "sect571k1", 14: "sect571r1",
	15: "secp160k1", 16: "secp160r1", 17: "secp160r2", 18: "secp192k1", 19: "secp192r1", 20: "secp224k1",
	21: "secp224r1", 22: "secp256k1", 23: "secp256r1", 24: "secp384r1", 25: "secp521r1", 26: "brainpoolP256r1",
	27: "brainpoolP384r1", 28: "brainpoolP512r1", 29: "x25519", 30: "x448", 31: "brainpoolP256r1tls13",
	32: "brainpoolP384r1tls13", 33: "brainpoolP512r1tls13", 41: "curveSM2", 0x100: "ffdhe2048", 0x101: "ffdhe3072",
	0x102: "ffdhe4096", 0x103: "ffdhe6144", 0x104: "ffdhe8192", 0x200: "MLKEM512", 0x201: "MLKEM768",
	0x202: "MLKEM1024", 0x11eb: "SecP256r1MLKEM768", 0x11ec: "X25519MLKEM768", 0x11ed: "SecP384r1MLKEM1024",
	0x6399: "X25519Kyber768Draft00", 0xff01: "arbitrary_explicit_prime_curves", 0xff02: "arbitrary_explicit_char2_curves",
})

// tlsSignatureName is the name of a signature scheme (RFC 8446 section 4.2.3), or of a hash with a signature
// algorithm of TLS 1.2 (RFC 5246 section 7.4.1.4.1).
var tlsSignatureName = named(decode.Names{
	0x0101: "rsa_pkcs1_md5", 0x0201: "rsa_pkcs1_sha1", 0x0202: "dsa_sha1", 0x0203: "ecdsa_sha1",
	0x0301: "rsa_pkcs1_sha224", 0x0302: "dsa_sha224", 0x0303: "ecdsa_sha224", 0x0401: "rsa_pkcs1_sha256",
	0x0402: "dsa_sha256", 0x0403: "ecdsa_secp256r1_sha256", 0x0501: "rsa_pkcs1_sha384", 0x0502: "dsa_sha384",
	0x0503: "ecdsa_secp384r1_sha384", 0x0601: "rsa_pkcs1_sha512", 0x0602: "dsa_sha512",
	0x0603: "ecdsa_secp521r1_sha512", 0x0708: "sm2sig_sm3", 0x0804: "rsa_pss_rsae_sha256",
	0x0805: "rsa_pss_rsae_sha384", 0x0806: "rsa_pss_rsae_sha512", 0x0807: "ed25519", 0x0808: "ed448",
	0x0809: "rsa_pss_pss_sha256", 0x080a: "rsa_pss_pss_sha384", 0x080b: "rsa_pss_pss_sha512",
	0x081a: "ecdsa_brainpoolP256r1tls13_sha256", 0x081b: "ecdsa_brainpoolP384r1tls13_sha384",
	0x081c: "ecdsa_brainpoolP512r1tls13_sha512", 0x0904: "mldsa44", 0x0905: "mldsa65", 0x0906: "mldsa87",
})

var tlsTypeName = decode.Names{
	20: "ChangeCipherSpec", tlsAlert: "Alert", tlsHandshake: "Handshake", 23: "Application Data", 24: "Heartbeat",
}.Of

var tlsHandshakeName = decode.Names{
	0: "HelloRequest", tlsClientHello: "ClientHello", tlsServerHello: "ServerHello", 3: "HelloVerifyRequest",
	4: "NewSessionTicket", 5: "EndOfEarlyData", 8: "EncryptedExtensions", tlsCertificate: "Certificate",
	tlsServerKeyExchange: "ServerKeyExchange", 13: "CertificateRequest", 14: "ServerHelloDone", 15: "CertificateVerify",
	16: "ClientKeyExchange", 20: "Finished", 21: "CertificateURL", 22: "CertificateStatus", 23: "SupplementalData",
	24: "KeyUpdate", 25: "CompressedCertificate", 67: "NextProtocol",
}.Of

var tlsVersions = decode.Names{
	0x0200: "SSL 2.0", 0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3",
	0xfeff: "DTLS 1.0", 0xfefd: "DTLS 1.2", 0xfefc: "DTLS 1.3", 0x0101: "TLCP",
}

func tlsVersionName(n uint64) string {
	if isGrease(n) {
		return "GREASE"
	}
	return tlsVersions[n]
}

// tlsAlertName is the name of RFC 8446 section 6, and of the RFCs before it.
func tlsAlertName(n uint64) string { return tlsAlerts[n] }

var tlsAlerts = decode.Names{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
	30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
	43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
	47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error",
	52: "too_many_cids_requested", 60: "export_restriction", 70: "protocol_version", 71: "insufficient_security",
	80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation",
	109: "missing_extension", 110: "unsupported_extension", 111: "certificate_unobtainable", 112: "unrecognized_name",
	113: "bad_certificate_status_response", 114: "bad_certificate_hash_value", 115: "unknown_psk_identity",
	116: "certificate_required", 120: "no_application_protocol", 121: "ech_required",
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

var tlsPointFormatName = decode.Names{
	0: "uncompressed", 1: "ansiX962_compressed_prime", 2: "ansiX962_compressed_char2",
}.Of

var tlsPSKModeName = decode.Names{0: "psk_ke", 1: "psk_dhe_ke"}.Of
