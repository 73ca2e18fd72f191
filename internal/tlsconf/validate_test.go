package tlsconf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

// found collects problems as `key "value" problem`.
func found(validate func(report func(key, value, problem string))) []string {
	var problems []string
	validate(func(key, value, problem string) { problems = append(problems, key+" \""+value+"\" "+problem) })
	return problems
}

func expect(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d problems, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("problem %s\nwant    %s", got[i], want[i])
		}
	}
}

func TestValidateCertificates(t *testing.T) {
	good, other := certFiles(t, acsRSA), certFiles(t, tlstest.Spec{Names: []string{"*.isp.example"}})
	text := filepath.Join(t.TempDir(), "text.pem")
	write(t, text, []byte("hello"))
	damaged := filepath.Join(t.TempDir(), "damaged.pem")
	write(t, damaged, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	none := filepath.Join(t.TempDir(), "none.pem")

	for name, tt := range map[string]struct {
		cfg  Config
		want []string
	}{
		"good":              {Config{Certificates: []CertConfig{good, other}, DefaultName: "ACS.example"}, nil},
		"default, wildcard": {Config{Certificates: []CertConfig{other}, DefaultName: "a.isp.example"}, nil},
		"default, acme":     {Config{ACME: &ACMEConfig{Names: []string{"a.example"}}, DefaultName: "a.example"}, nil},
		"nothing":           {Config{}, nil},
		"default in no certificate": {Config{Certificates: []CertConfig{good, other}, DefaultName: "b.example"},
			[]string{`default_name "b.example" is in no certificate: use one of acs.example, *.isp.example`}},
		"default without certificates": {Config{DefaultName: "b.example"},
			[]string{`default_name "b.example" is in no certificate: there is none; add tls.certificates or tls.acme`}},
		"files missing": {Config{Certificates: []CertConfig{{}, {CertFile: none, KeyFile: t.TempDir()}}}, []string{
			`certificates[0].cert_file "" is missing: give the file of the certificate`,
			`certificates[0].key_file "" is missing: give the file of its private key`,
			`certificates[1].cert_file "` + none + `" cannot be read: no such file or directory`,
			`certificates[1].key_file "` + os.TempDir(),
		}},
		"not PEM": {Config{Certificates: []CertConfig{{text, good.KeyFile}, {good.CertFile, text}, {damaged, good.KeyFile}}}, []string{
			`certificates[0].cert_file "` + text + `" holds no certificate in PEM`,
			`certificates[1].key_file "` + text + `" holds no private key in PEM`,
			`certificates[2].cert_file "` + damaged + `" holds a certificate that cannot be read`,
		}},
		"another key": {Config{Certificates: []CertConfig{{good.CertFile, other.KeyFile}}}, []string{
			`certificates[0].key_file "` + other.KeyFile + `" does not fit the first certificate of "` + good.CertFile + `"`,
		}},
		"twice": {Config{Certificates: []CertConfig{good, good}}, []string{
			`certificates[1].cert_file "` + good.CertFile + `" is already certificate 1: remove one of the two`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.cfg.SetDefaults()
			expect(t, found(tt.cfg.Validate), tt.want)
		})
	}
}

func TestValidateACME(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.pem")
	write(t, text, []byte("hello"))
	long := strings.Repeat("a", 64) + ".example"
	for name, tt := range map[string]struct {
		cfg  ACMEConfig
		want []string
	}{
		"good": {ACMEConfig{Names: []string{"acs.isp.example", "xn--bcher-kva.example"}, Email: "noc@isp.example",
			Directory: "https://ca.isp.example:9000/acme/directory", RootCAFile: caFile(t), KeyType: "rsa2048", HTTPAddress: ":80"}, nil},
		"no names": {ACMEConfig{}, []string{`acme.names "" is empty: list the names`}},
		"names": {ACMEConfig{Names: []string{"192.0.2.1", "*.isp.example", "bücher.example", "http://acs.example", "acs.example.", long, "ok.example", "OK.example", ""}}, []string{
			`acme.names[0] "192.0.2.1" is an address: `,
			`acme.names[1] "*.isp.example" is a wildcard: `,
			`acme.names[2] "bücher.example" has letters outside ASCII: write "xn--bcher-kva.example"`,
			`acme.names[3] "http://acs.example" is not a host name`,
			`acme.names[4] "acs.example." is not a host name`,
			`acme.names[5] "` + long + `" is not a host name`,
			`acme.names[7] "OK.example" is listed twice`,
			`acme.names[8] "" is not a host name`,
		}},
		"rest": {ACMEConfig{Names: []string{"a.example"}, Email: "NOC <noc@isp.example>", Directory: "http://ca/dir", KeyType: "rsa1024", RootCAFile: text, HTTPAddress: "80"}, []string{
			`acme.email "NOC <noc@isp.example>" is not a mail address`,
			`acme.directory "http://ca/dir" is not an https URL`,
			`acme.key_type "rsa1024" is not a key type: use p256, p384, rsa2048 or rsa4096`,
			`acme.root_ca_file "` + text + `" holds no certificate in PEM`,
			`acme.http_address "80" is not an address to listen on`,
		}},
		"address": {ACMEConfig{Names: []string{"a.example"}, HTTPAddress: "acs.example:80"}, []string{`acme.http_address`}},
		"port":    {ACMEConfig{Names: []string{"a.example"}, HTTPAddress: ":99999"}, []string{`acme.http_address`}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{ACME: &tt.cfg}
			cfg.SetDefaults()
			expect(t, found(cfg.Validate), tt.want)
		})
	}
}

func TestValidateListener(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  ListenerConfig
		want []string
	}{
		"defaults": {ListenerConfig{}, nil},
		"legacy":   {ListenerConfig{Profile: "legacy-cpe", TripleDES: true}, nil},
		"mutual":   {ListenerConfig{ClientAuth: "required", ClientCAFile: caFile(t), ClientIdentity: "{oui}-{serial}"}, nil},
		"profile":  {ListenerConfig{Profile: "legacy"}, []string{`profile "legacy" is not a profile: use modern or legacy-cpe`}},
		"3des":     {ListenerConfig{TripleDES: true}, []string{`triple_des "true" needs profile legacy-cpe`}},
		"auth":     {ListenerConfig{ClientAuth: "yes"}, []string{`client_auth "yes" is not a client_auth: use off, if_given or required`}},
		"no ca":    {ListenerConfig{ClientAuth: "if_given"}, []string{`client_ca_file "" is missing: client_auth if_given needs`}},
		"idle ca":  {ListenerConfig{ClientCAFile: "/x"}, []string{`client_ca_file "/x" has no effect while client_auth is off`}},
		"bad ca":   {ListenerConfig{ClientAuth: "required", ClientCAFile: "/nonexistent/x"}, []string{`client_ca_file "/nonexistent/x" cannot be read: no such file`}},
		"template": {ListenerConfig{ClientIdentity: "{OUI}-{serial}"}, []string{`client_identity "{OUI}-{serial}" has an unknown placeholder {OUI}`}},
		"brace":    {ListenerConfig{ClientIdentity: "{serial}}"}, []string{`client_identity "{serial}}" has a } without {`}},
		"open":     {ListenerConfig{ClientIdentity: "{serial}{"}, []string{`client_identity "{serial}{" has an unknown placeholder`}},
		"serial":   {ListenerConfig{ClientIdentity: "{serial}|{oui}"}, []string{`client_identity "{serial}|{oui}" does not contain {serial}`}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.cfg.SetDefaults()
			expect(t, found(tt.cfg.Validate), tt.want)
		})
	}
}

func TestDefaultsAreValid(t *testing.T) {
	cfg := Config{ACME: &ACMEConfig{Names: []string{"acs.example"}}}
	cfg.SetDefaults()
	expect(t, found(cfg.Validate), nil)
	if cfg.ACME.Directory != defaultDirectory || cfg.ACME.KeyType != "p256" {
		t.Errorf("defaults %+v", cfg.ACME)
	}
}
