package tlsconf

import "crypto/tls"

func (c *ListenerConfig) legacy() bool { return c.Profile == ProfileLegacy }

// newTLSConfig returns the profile's settings, without certificates. Versions
// and suites are explicit, so that neither GODEBUG nor a change of Go's
// defaults alters what a listener accepts.
func (c *ListenerConfig) newTLSConfig() *tls.Config {
	if c.legacy() {
		return &tls.Config{ //nolint:gosec // legacy-cpe is for CPEs that speak nothing newer
			MinVersion:   tls.VersionTLS10,
			MaxVersion:   tls.VersionTLS13,
			CipherSuites: legacySuites(c.TripleDES),
		}
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		MaxVersion:   tls.VersionTLS13,
		CipherSuites: modernSuites(),
	}
}

// modernSuites are those that crypto/tls calls secure. The suites of TLS 1.3
// among them are not configurable and always on.
func modernSuites() []uint16 {
	var ids []uint16
	for _, suite := range tls.CipherSuites() {
		ids = append(ids, suite.ID)
	}
	return ids
}

// legacySuites adds what old CPEs have: RSA key exchange and CBC, and 3DES by
// option (quirk C-71). RC4 stays out.
func legacySuites(tripleDES bool) []uint16 {
	ids := append(modernSuites(),
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
	)
	ids = append(ids, unsignedSuites(tripleDES)...)
	if tripleDES {
		ids = append(ids, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA)
	}
	return ids
}

// unsignedSuites are those with RSA key exchange, where the server proves
// itself by decrypting and signs nothing.
func unsignedSuites(tripleDES bool) []uint16 {
	ids := []uint16{
		tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA,
		tls.TLS_RSA_WITH_AES_256_CBC_SHA,
	}
	if tripleDES {
		ids = append(ids, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA)
	}
	return ids
}
