package tlstest

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"testing"
)

func TestIssuedCertificatesVerifyAndLoad(t *testing.T) {
	ca := Must(NewCA("Test CA"))
	for name, spec := range map[string]Spec{
		"ecdsa server": {Names: []string{"acs.example"}},
		"rsa server":   {Names: []string{"acs.example"}, RSA: true},
		"client":       {CommonName: "00D09E-SN1", URIs: []string{"urn:cpe:SN1"}, Client: true},
	} {
		t.Run(name, func(t *testing.T) {
			leaf := Must(ca.Issue(spec))
			usage := x509.ExtKeyUsageServerAuth
			if spec.Client {
				usage = x509.ExtKeyUsageClientAuth
			}
			_, err := leaf.Cert.Verify(x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: []x509.ExtKeyUsage{usage}})
			if err != nil {
				t.Errorf("verify: %v", err)
			}
			if _, isRSA := leaf.Key.(*rsa.PrivateKey); isRSA != spec.RSA {
				t.Errorf("key is %T", leaf.Key)
			}
			certFile, keyFile, err := leaf.WriteFiles(t.TempDir(), "leaf")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tls.LoadX509KeyPair(certFile, keyFile); err != nil {
				t.Errorf("load: %v", err)
			}
		})
	}
}
