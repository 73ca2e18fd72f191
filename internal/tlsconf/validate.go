package tlsconf

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// report receives one problem: the key relative to the section, its value,
// and what is wrong and how to mend it.
type report = func(key, value, problem string)

// Validate reports everything that is wrong with the section. It reads the
// files that the section names and does no other I/O.
func (c *Config) Validate(report func(key, value, problem string)) {
	names := c.validateCertificates(report)
	if c.ACME != nil {
		c.ACME.Validate(under("acme.", report))
		names = append(names, c.ACME.Names...)
	}
	if c.DefaultName != "" && !slices.ContainsFunc(names, func(n string) bool { return covers(n, c.DefaultName) }) {
		report("default_name", c.DefaultName, "is in no certificate: "+haveNames(names))
	}
}

func haveNames(names []string) string {
	if len(names) == 0 {
		return "there is none; add tls.certificates or tls.acme"
	}
	return "use one of " + strings.Join(names, ", ")
}

// validateCertificates returns the names of all certificates that are good.
func (c *Config) validateCertificates(report report) []string {
	var names []string
	seen := make(map[string]int)
	for i, cc := range c.Certificates {
		key := fmt.Sprintf("certificates[%d].", i)
		if first, ok := seen[cc.CertFile]; ok && cc.CertFile != "" {
			report(key+"cert_file", cc.CertFile, fmt.Sprintf("is already certificate %d: remove one of the two", first+1))
			continue
		}
		seen[cc.CertFile] = i
		names = append(names, cc.validate(under(key, report))...)
	}
	return names
}

func (cc CertConfig) validate(report report) []string {
	ok := readable(report, "cert_file", cc.CertFile, "give the file of the certificate in PEM, its chain after it")
	ok = readable(report, "key_file", cc.KeyFile, "give the file of its private key in PEM") && ok
	if !ok {
		return nil
	}
	c, _, err := loadPair(cc)
	if err != nil {
		key, value := "cert_file", cc.CertFile
		if _, ok := errors.AsType[keyFileError](err); ok {
			key, value = "key_file", cc.KeyFile
		}
		report(key, value, err.Error())
		return nil
	}
	return c.names
}

// Validate reports everything that is wrong with the section.
func (c *ACMEConfig) Validate(report func(key, value, problem string)) {
	c.validateNames(report)
	if c.Email != "" {
		if addr, err := mail.ParseAddress(c.Email); err != nil || addr.Address != c.Email {
			report("email", c.Email, "is not a mail address: the CA writes there before a certificate expires")
		}
	}
	if u, err := url.Parse(c.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		report("directory", c.Directory, "is not an https URL: give the directory URL of the ACME server, such as "+defaultDirectory)
	}
	if _, ok := keyTypes[c.KeyType]; !ok {
		report("key_type", c.KeyType, "is not a key type: use p256, p384, rsa2048 or rsa4096")
	}
	if c.RootCAFile != "" {
		validateCAFile(report, "root_ca_file", c.RootCAFile)
	}
	if c.HTTPAddress != "" {
		validateAddress(report, "http_address", c.HTTPAddress)
	}
}

func (c *ACMEConfig) validateNames(report report) {
	if len(c.Names) == 0 {
		report("names", "", "is empty: list the names that CPEs are given, or remove tls.acme")
	}
	seen := make(map[string]bool)
	for i, name := range c.Names {
		key := fmt.Sprintf("names[%d]", i)
		if problem := acmeNameProblem(name); problem != "" {
			report(key, name, problem)
		} else if seen[strings.ToLower(name)] {
			report(key, name, "is listed twice: remove one")
		}
		seen[strings.ToLower(name)] = true
	}
}

// acmeNameProblem says why no certificate can be had for a name, or "".
func acmeNameProblem(name string) string {
	if _, err := netip.ParseAddr(name); err == nil {
		return "is an address: ACME is used for names alone; for CPEs whose URL has an address, add a certificate with that IP SAN to tls.certificates"
	}
	if strings.Contains(name, "*") {
		return "is a wildcard: it needs a DNS challenge, which is not supported; list the names one by one or use tls.certificates"
	}
	ascii, err := idna.Lookup.ToASCII(name)
	if err == nil && ascii != strings.ToLower(name) {
		return fmt.Sprintf("has letters outside ASCII: write %q", ascii)
	}
	if err != nil || !validHostname(name) {
		return "is not a host name: write it as in the CPEs' ACS URL, without scheme, port or path"
	}
	return ""
}

// validHostname reports whether name is a host name (RFC 1123 2.1) without a
// trailing dot.
func validHostname(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range []byte(label) {
			if !isAlnum(r) && r != '-' && r != '_' {
				return false
			}
		}
	}
	return true
}

func isAlnum(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

// Validate reports everything that is wrong with the section.
func (c *ListenerConfig) Validate(report func(key, value, problem string)) {
	if c.Profile != ProfileModern && c.Profile != ProfileLegacy {
		report("profile", c.Profile, "is not a profile: use modern or legacy-cpe")
	}
	if c.TripleDES && c.Profile == ProfileModern {
		report("triple_des", "true", "needs profile legacy-cpe: set it or remove triple_des")
	}
	if _, err := parseIdentity(c.ClientIdentity); err != nil {
		report("client_identity", c.ClientIdentity, err.Error())
	}
	c.validateClientAuth(report)
}

func (c *ListenerConfig) validateClientAuth(report report) {
	switch c.ClientAuth {
	case ClientAuthOff:
		if c.ClientCAFile != "" {
			report("client_ca_file", c.ClientCAFile, "has no effect while client_auth is off: set client_auth to if_given or required, or remove it")
		}
	case ClientAuthIfGiven, ClientAuthRequired:
		if c.ClientCAFile == "" {
			report("client_ca_file", "", "is missing: client_auth "+c.ClientAuth+" needs the authorities that issued the CPEs' certificates")
			return
		}
		validateCAFile(report, "client_ca_file", c.ClientCAFile)
	default:
		report("client_auth", c.ClientAuth, "is not a client_auth: use off, if_given or required")
	}
}

func validateCAFile(report report, key, path string) {
	if !readable(report, key, path, "") {
		return
	}
	if _, _, err := readPool(path); err != nil {
		report(key, path, err.Error())
	}
}

func validateAddress(report report, key, addr string) {
	host, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err == nil && host != "" {
		_, err = netip.ParseAddr(host)
	}
	if err != nil {
		report(key, addr, `is not an address to listen on: write ":80" or "192.0.2.1:80"`)
	}
}

func readable(report report, key, path, ifMissing string) bool {
	if path == "" {
		report(key, "", "is missing: "+ifMissing)
		return false
	}
	if _, err := os.ReadFile(path); err != nil {
		report(key, path, "cannot be read: "+reasonOf(err))
		return false
	}
	return true
}

// reasonOf leaves the path out of an error that is shown beside it.
func reasonOf(err error) string {
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		return pathErr.Err.Error()
	}
	return err.Error()
}

func under(prefix string, report report) report {
	return func(key, value, problem string) { report(prefix+key, value, problem) }
}

// readPool reads a file of CA certificates. The digest changes with the
// file's content.
func readPool(path string) (*x509.CertPool, digest, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, digestOf([]byte(err.Error())), fmt.Errorf("cannot be read: %s", reasonOf(err))
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, digestOf(data), errors.New("holds no certificate in PEM: give the CA certificates, each between BEGIN CERTIFICATE and END CERTIFICATE")
	}
	return pool, digestOf(data), nil
}
