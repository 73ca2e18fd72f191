package tlsconf

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// Reasons of failed handshakes. The first group is the gateway's or its
// peer's configuration, the second is what every public port sees.
const (
	ReasonNoSharedCipher    = "no_shared_cipher"
	ReasonNoSharedSignature = "no_shared_signature"
	ReasonOldVersion        = "old_version"
	ReasonNoCertificate     = "no_certificate"
	ReasonNoClientCert      = "no_client_certificate"
	ReasonBadClientCert     = "bad_client_certificate"
	ReasonClientRejected    = "client_rejected_certificate"
	ReasonClientAlert       = "client_alert"

	ReasonNotTLS    = "not_tls"
	ReasonMalformed = "malformed"
	ReasonTimeout   = "timeout"
	ReasonEOF       = "eof"
	ReasonReset     = "reset"
	ReasonClosed    = "closed"
	ReasonOther     = "other"
)

// HandshakeReason classifies the error of a handshake that failed on a CPE
// listener, as one of the Reason constants; "" for nil. crypto/tls has types
// for few of its errors, so most are known by their text.
func HandshakeReason(err error) string {
	if err == nil {
		return ""
	}
	if reason := transportReason(err); reason != "" {
		return reason
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return ReasonNotTLS
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return ReasonBadClientCert
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return alertReason(op.Err.Error())
	}
	return textReason(err.Error())
}

func transportReason(err error) string {
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case ok && timeout.Timeout(), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return ReasonTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ReasonEOF
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return ReasonReset
	case errors.Is(err, net.ErrClosed), errors.Is(err, context.Canceled):
		return ReasonClosed
	default:
		return ""
	}
}

// alertReason tells alerts by which a client refuses our certificate from all
// others (RFC 8446 6.2, RFC 5246 7.2.2).
func alertReason(alert string) string {
	for _, text := range []string{
		"bad certificate", "unsupported certificate", "revoked certificate", "expired certificate",
		"unknown certificate", // and "unknown certificate authority"
		"access denied",
	} {
		if strings.Contains(alert, text) {
			return ReasonClientRejected
		}
	}
	return ReasonClientAlert
}

// textReasons maps parts of crypto/tls's messages; the tests meet each in a
// real handshake.
var textReasons = []struct{ text, reason string }{
	{"no cipher suite supported by both", ReasonNoSharedCipher},
	{"no key exchanges supported by both", ReasonNoSharedCipher},
	{"no ECDHE curve supported by both", ReasonNoSharedCipher},
	{"incompatible point formats", ReasonNoSharedCipher},
	{"certificate's signature algorithms", ReasonNoSharedSignature},
	{"missing signature_algorithms", ReasonNoSharedSignature},
	{"no signature algorithms", ReasonNoSharedSignature},
	{"only unsupported versions", ReasonOldVersion},
	{"inappropriate protocol fallback", ReasonOldVersion},
	{"no certificates configured", ReasonNoCertificate},
	{"didn't provide a certificate", ReasonNoClientCert},
	{"client certificate", ReasonBadClientCert},
	{"signature by the client", ReasonBadClientCert},
	{"first record does not look like", ReasonNotTLS},
	{"unexpected message", ReasonMalformed},
	{"unexpected handshake message", ReasonMalformed},
	{"error decoding message", ReasonMalformed},
	// OpenSSL sends the alert by which it refuses our certificate in TLS 1.3
	// unencrypted, where crypto/tls expects an encrypted record.
	{"bad record MAC", ReasonClientAlert},
	{"oversized record", ReasonMalformed},
	{"message of length", ReasonMalformed},
}

func textReason(text string) string {
	for _, r := range textReasons {
		if strings.Contains(text, r.text) {
			return r.reason
		}
	}
	return ReasonOther
}
