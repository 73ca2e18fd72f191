package connreq

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const someToken = "abcdefghijklmnopqrstuvwxyz"

func TestC61_ShownURL(t *testing.T) {
	long := strings.Repeat("x", 300)
	tests := []struct{ base, cpe, want string }{
		{"http://gw.example.net:7550", "http://10.0.0.1:7547/tr069?id=1", "http://gw.example.net:7550/" + someToken},
		{"http://gw.example.net:7550/", "http://10.0.0.1:7547/", "http://gw.example.net:7550/" + someToken},
		{"http://gw.example.net/cr/", "https://10.0.0.1:7547/" + long, "http://gw.example.net/cr/" + someToken},
		{"http://[2001:db8::1]:7550/cr", "http://[2001:db8::2]:7547/", "http://[2001:db8::1]:7550/cr/" + someToken},
		{"http://[2001:db8::1]/cr", "HTTP://a", "http://[2001:db8::1]/cr/" + someToken},
		{"http://*.cr.example.net:7550", "http://10.0.0.1:7547/a%2Fb/?c=%20&d#e", "http://" + someToken + ".cr.example.net:7550/a%2Fb/?c=%20&d#e"},
		{"http://*.cr.example.net", "http://10.0.0.1:7547", "http://" + someToken + ".cr.example.net"},
		{"http://*.cr.example.net", "http://10.0.0.1:7547?x", "http://" + someToken + ".cr.example.net?x"},
		{"http://*.CR.example.net/", "http://[2001:db8::2]:7547/", "http://" + someToken + ".cr.example.net/"},

		// The CPE's own stays.
		{"", "http://10.0.0.1:7547/", ""},
		{"http://gw.example.net", "", ""},
		{"http://gw.example.net", "http://", ""},
		{"http://gw.example.net", "http:///path", ""},
		{"http://gw.example.net", "0.0.0.0", ""},
		{"http://gw.example.net", "ftp://10.0.0.1/", ""},
		{"http://gw.example.net", "http://10.0.0.1/ a", ""},
		{"http://gw.example.net", "http://10.0.0.1/\r\n", ""},
		{"http://*.cr.example.net", "http://10.0.0.1/" + long, ""},
	}
	for _, tt := range tests {
		got, ok := ShownURL(&Config{URLBase: tt.base}, someToken, tt.cpe)
		if ok != (tt.want != "") || got != tt.want {
			t.Errorf("%q of %.40q: %q, %v, want %q", tt.base, tt.cpe, got, ok, tt.want)
		}
	}
}

func TestS39_ShownUDPAddress(t *testing.T) {
	tests := []struct {
		relay *RelayConfig
		port  uint16
		want  string
	}{
		{nil, 1, ""},
		{&RelayConfig{Listen: "10.0.0.1:7551", Host: "*.udp.example.net"}, 0, someToken + ".udp.example.net:7551"},
		{&RelayConfig{Listen: "10.0.0.1:7551", Ports: "20000-20009"}, 20003, "10.0.0.1:20003"},
		{&RelayConfig{Listen: "0.0.0.0:7551", Ports: "20000-20009", Address: "192.0.2.1"}, 20003, "192.0.2.1:20003"},
		{&RelayConfig{Listen: "[::]:7551", Ports: "20000-20009", Address: "2001:db8::1"}, 20003, "[2001:db8::1]:20003"},
		{&RelayConfig{Listen: "10.0.0.1:7551", Ports: "20000-20009"}, 0, ""}, // the range is used up
		{&RelayConfig{Listen: "0.0.0.0:7551", Ports: "20000-20009"}, 20003, ""},
		{&RelayConfig{Listen: "nowhere", Ports: "20000-20009"}, 20003, ""},
	}
	for _, tt := range tests {
		got, ok := ShownUDPAddress(&Config{Relay: tt.relay}, someToken, tt.port)
		if ok != (tt.want != "") || got != tt.want {
			t.Errorf("%+v: %q, %v, want %q", tt.relay, got, ok, tt.want)
		}
	}
}

func TestURLBase_Token(t *testing.T) {
	tests := []struct {
		base, host, path string
		ok               bool
	}{
		{"http://gw:7550", "gw:7550", "/" + someToken, true},
		{"http://gw:7550", "10.0.0.1", "/" + strings.ToUpper(someToken), true},
		{"http://gw:7550", "gw:7550", "/" + someToken + "/", false},
		{"http://gw:7550", "gw:7550", "//" + someToken, false},
		{"http://gw:7550", "gw:7550", "/a/../" + someToken, false},
		{"http://gw:7550", "gw:7550", "/", false},
		{"http://gw:7550", "gw:7550", "", false},
		{"http://gw/cr", "gw", "/cr/" + someToken, true},
		{"http://gw/cr", "gw", "/" + someToken, false},
		{"http://*.cr.net:7550", someToken + ".cr.net:7550", "/any/thing", true},
		{"http://*.cr.net:7550", strings.ToUpper(someToken) + ".CR.net.", "/", true},
		{"http://*.cr.net:7550", someToken + ".cr.net.evil:7550", "/", false},
		{"http://*.cr.net:7550", "x." + someToken + ".cr.net", "/", false},
		{"http://*.cr.net:7550", "cr.net", "/" + someToken, false},
		{"http://*.cr.net:7550", "", "/", false},
	}
	for _, tt := range tests {
		base, err := parseURLBase(tt.base)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := base.token(tt.host, tt.path)
		if ok != tt.ok || ok && got != someToken {
			t.Errorf("%s: Host %q, path %q: %q, %v, want %v", tt.base, tt.host, tt.path, got, ok, tt.ok)
		}
	}
}

// FuzzEndpointPath: a token is found only if it stands where it belongs, and
// every URL that is shown leads back to its token.
func FuzzEndpointPath(f *testing.F) {
	f.Add(true, "http://10.0.0.1:7547/a?b", someToken+".cr.example.net:7550", "/a")
	f.Add(false, "http://10.0.0.1:7547/", "gw", "/cr/"+someToken)
	f.Add(false, "http://[::1]/?", "gw", "/cr/%61bcdefghijklmnopqrstuvwxyz")
	f.Fuzz(func(t *testing.T, star bool, cpe, host, path string) {
		cfg := &Config{URLBase: "http://gw.example.net:7550/cr"}
		if star {
			cfg.URLBase = "http://*.cr.example.net:7550"
		}
		base, err := parseURLBase(cfg.URLBase)
		if err != nil {
			t.Fatal(err)
		}
		if token, ok := base.token(host, path); ok {
			from := strings.ToLower(path)
			if star {
				from = strings.ToLower(host)
			}
			if _, valid := asToken(token); !valid || token != strings.ToLower(token) || !strings.Contains(from, token) {
				t.Errorf("token %q of host %q and path %q", token, host, path)
			}
		}
		shown, ok := ShownURL(cfg, someToken, cpe)
		if !ok {
			return
		}
		if len(shown) > maxShown {
			t.Errorf("%d characters are shown", len(shown))
		}
		if rest, _ := afterAuthority(cpe); star && !strings.HasSuffix(shown, rest) {
			t.Errorf("%q does not keep %q", shown, rest)
		}
		r, err := http.NewRequest(http.MethodGet, shown, nil)
		if err != nil {
			return // the CPE's path is none that Go can ask for
		}
		recorded := httptest.NewRequest(http.MethodGet, "/", nil)
		recorded.Host, recorded.URL.Path = r.URL.Host, r.URL.Path
		if token, ok := base.token(recorded.Host, recorded.URL.Path); !ok || token != someToken {
			t.Errorf("%q leads to %q, %v", shown, token, ok)
		}
	})
}
