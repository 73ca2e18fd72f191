package tlsconf

import (
	"crypto/tls"
	"encoding/base64"
	"strings"
)

// ClientCertHeaders returns the values of the Client-Cert and
// Client-Cert-Chain headers (RFC 9440 2) that tell the ACS of a CPE's
// certificate: each certificate is a byte sequence of RFC 8941, and the chain
// a list of them without the first. Both are empty without a certificate, the
// chain also when the CPE sent only one. Whoever sets them must first delete
// those that the CPE sent.
func ClientCertHeaders(state tls.ConnectionState) (clientCert, chain string) {
	var items []string
	for _, cert := range state.PeerCertificates {
		items = append(items, ":"+base64.StdEncoding.EncodeToString(cert.Raw)+":")
	}
	if len(items) == 0 {
		return "", ""
	}
	return items[0], strings.Join(items[1:], ", ")
}
