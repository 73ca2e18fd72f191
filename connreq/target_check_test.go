package connreq

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var ownForTest = map[netip.Addr]bool{netip.MustParseAddr("198.51.100.1"): true, netip.MustParseAddr("2001:db8::1"): true}

func TestC85_C86_CheckTarget(t *testing.T) {
	source := netip.MustParseAddr("198.51.100.7")
	g := guard{own: func() map[netip.Addr]bool { return ownForTest }}
	for _, tt := range []struct {
		url  string
		addr string // that is connected to; "" is refused
		path string
		says string
	}{
		{"http://198.51.100.7:7547/", "198.51.100.7:7547", "/", ""},
		{"HTTP://198.51.100.7", "198.51.100.7:80", "/", ""},
		{"http://198.51.100.7:/a", "198.51.100.7:80", "/a", ""},
		{"http://203.0.113.5:30005/0:1/%41?b=c:d&e=%2F#f", "203.0.113.5:30005", "/0:1/%41?b=c:d&e=%2F", ""},
		{"http://203.0.113.5?x=1", "203.0.113.5:80", "/?x=1", ""},
		{"http://203.0.113.5/a@b", "203.0.113.5:80", "/a@b", ""},
		{"http://203.0.113.5/\xe9", "203.0.113.5:80", "/\xe9", ""},
		{"http://[2001:db8::7]:7547/x", "[2001:db8::7]:7547", "/x", ""},
		{"http://[2001:db8::7]/x", "[2001:db8::7]:80", "/x", ""},
		{"http://[::ffff:203.0.113.5]/", "203.0.113.5:80", "/", ""},
		{"http://[64:ff9b::cb00:7105]/", "[64:ff9b::cb00:7105]:80", "/", ""},
		{"http://[2002:cb00:7105::1]/", "[2002:cb00:7105::1]:80", "/", ""},
		{"http://cpe.example.net:7547/x", "198.51.100.7:7547", "/x", ""}, // never looked up
		{"http://localhost:6379/x", "198.51.100.7:6379", "/x", ""},
		{"http://cpe_1.example.net./x", "198.51.100.7:80", "/x", ""},

		{"", "", "", "is not known"},
		{"https://198.51.100.7/", "", "", "does not begin with http://"},
		{"file:///etc/passwd", "", "", "does not begin with http://"},
		{"//198.51.100.7/", "", "", "does not begin with http://"},
		{"http://user:pw@198.51.100.7/", "", "", "user information"},
		{`http://198.51.100.7\@10.0.0.1/`, "", "", "user information"},
		{"http://198.51.100.7/a b", "", "", "blank or a control"},
		{"http://198.51.100.7/\r\nX: y", "", "", "blank or a control"},
		{"http://198.51.100.7/" + strings.Repeat("a", maxURL), "", "", "longer than"},
		{"http:///x", "", "", "neither"},
		{"http://:80/x", "", "", "neither"},
		{"http://198.51.100.7:0/", "", "", "port"},
		{"http://198.51.100.7:65536/", "", "", "port"},
		{"http://198.51.100.7:80:80/", "", "", "port"},
		{"http://198.51.100.7:-1/", "", "", "port"},
		{"http://2001:db8::7/", "", "", "port"},
		{"http://[2001:db8::7]7547/", "", "", "port"},
		{"http://[198.51.100.7]/", "", "", "brackets"},
		{"http://[]/", "", "", "brackets"},
		{"http://[2001:db8::7/", "", "", "port"},
		{"http://[fe80::1%25eth0]/", "", "", "zone"},
		{"http://[fe80::1%eth0]/", "", "", "zone"},
		{"http://127.1/", "", "", "neither"},
		{"http://2130706433/", "", "", "neither"},
		{"http://0x7f000001/", "", "", "neither"},
		{"http://0x7f.0.0.1/", "", "", "neither"},
		{"http://0177.0.0.1/", "", "", "neither"},
		{"http://127.0.0.01/", "", "", "neither"},
		{"http://a.1./", "", "", "neither"},
		{"http://cpe%2e/", "", "", "neither"},

		{"http://10.0.0.1/", "", "", "is private"},
		{"http://172.31.255.255/", "", "", "is private"},
		{"http://192.168.1.1/", "", "", "is private"},
		{"http://100.64.0.1/", "", "", "CGNAT"},
		{"http://100.127.255.255/", "", "", "CGNAT"},
		{"http://127.0.0.1/", "", "", "loopback"},
		{"http://127.255.255.254/", "", "", "loopback"},
		{"http://169.254.169.254/latest/meta-data", "", "", "link-local"},
		{"http://192.0.0.1/", "", "", "reserved"},
		{"http://198.19.0.1/", "", "", "benchmarks"},
		{"http://0.0.0.0/", "", "", "which no CPE has"},
		{"http://0.1.2.3/", "", "", "which no CPE has"},
		{"http://224.0.0.1/", "", "", "which no CPE has"},
		{"http://255.255.255.255/", "", "", "which no CPE has"},
		{"http://240.0.0.1/", "", "", "which no CPE has"},
		{"http://[::]/", "", "", "which no CPE has"},
		{"http://[::1]/", "", "", "loopback"},
		{"http://[::7f00:1]/", "", "", "which no CPE has"},
		{"http://[fe80::1]/", "", "", "link-local"},
		{"http://[fec0::1]/", "", "", "site-local"},
		{"http://[fd00:ec2::254]/", "", "", "is private"},
		{"http://[ff02::1]/", "", "", "which no CPE has"},
		{"http://[100::1]/", "", "", "which no CPE has"},
		{"http://[::ffff:127.0.0.1]/", "", "", "loopback"},
		{"http://[::ffff:0:7f00:1]/", "", "", "loopback"},
		{"http://[::ffff:10.0.0.1]/", "", "", "is private"},
		{"http://[64:ff9b::10.0.0.1]/", "", "", "is private"},
		{"http://[64:ff9b::7f00:1]/", "", "", "loopback"},
		{"http://[64:ff9b:1::1]/", "", "", "NAT64"},
		{"http://[2002:c0a8:101::1]/", "", "", "is private"},
		{"http://[2002:7f00:1::]/", "", "", "loopback"},
		{"http://[2001:0:1:2:3:4:f5ff:fffe]/", "", "", "is private"}, // Teredo of 10.0.0.1
		{"http://198.51.100.1/", "", "", "address of this gateway"},
		{"http://[2001:db8::1]:7547/", "", "", "address of this gateway"},
		{"http://[::ffff:198.51.100.1]/", "", "", "address of this gateway"},
		{"http://198.51.100.2/", "", "", "address of this gateway"}, // Listener
		{"http://198.51.100.3/", "", "", "address of this gateway"}, // Local
	} {
		got, err := g.checkTarget(&Target{
			URL: tt.url, Source: source,
			Listener: netip.MustParseAddr("198.51.100.2"), Local: netip.MustParseAddrPort("198.51.100.3:3478"),
		})
		switch {
		case tt.addr == "":
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%.60q: %v, %v, want %q", tt.url, got, err, tt.says)
			}
		case err != nil || got.addr.String() != tt.addr || got.path != tt.path:
			t.Errorf("%.60q: %v %q, %v", tt.url, got.addr, got.path, err)
		}
	}
}

func TestC85_AllowNetworks(t *testing.T) {
	allow, err := parseNetworks([]string{"10.0.0.0/8", "127.0.0.1", "fd00::/8", "64:ff9b::a00:1", "198.51.100.1", "0.0.0.0/0", "::/0"})
	if err != nil {
		t.Fatal(err)
	}
	g := guard{allow: allow[:5], own: func() map[netip.Addr]bool { return ownForTest }}
	everything := guard{allow: allow, own: g.own}
	for url, want := range map[string]bool{
		"http://10.1.2.3/": true, "http://127.0.0.1/": true, "http://127.0.0.2/": false, "http://[fd00::1]/": true,
		"http://[::ffff:10.0.0.1]/": true, "http://[64:ff9b::a00:1]/": true, "http://[64:ff9b::a00:2]/": false,
		"http://198.51.100.1/": true, "http://192.168.0.1/": false,
	} {
		if _, err := g.checkTarget(&Target{URL: url}); (err == nil) != want {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"http://224.0.0.1/", "http://0.0.0.0/", "http://255.255.255.255/", "http://[ff02::1]/", "http://[::]/"} {
		if _, err := everything.checkTarget(&Target{URL: url}); err == nil {
			t.Errorf("%s is nobody's, and is not refused", url)
		}
	}
}

func TestC85_NameIsJudgedByItsSource(t *testing.T) {
	g := guard{own: func() map[netip.Addr]bool { return ownForTest }}
	for source, says := range map[string]string{
		"":                 "is not known",
		"10.0.0.1":         "is private",
		"198.51.100.1":     "address of this gateway",
		"::ffff:127.0.0.1": "loopback",
	} {
		target := Target{URL: "http://cpe.example.net/"}
		if source != "" {
			target.Source = netip.MustParseAddr(source)
		}
		if _, err := g.checkTarget(&target); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("source %q: %v", source, err)
		}
	}
}

func TestCheckUDPTarget(t *testing.T) {
	local := netip.MustParseAddrPort("198.51.100.1:3478")
	for remote, want := range map[string]bool{
		"203.0.113.5:40000": true, "10.0.0.1:40000": true, "127.0.0.1:40000": true, "[2001:db8::7]:40000": true,
		"198.51.100.1:40000": true, "198.51.100.1:3478": false, "[::ffff:198.51.100.1]:3478": false,
		"203.0.113.5:0": false, "0.0.0.0:1": false, "224.0.0.1:1": false, "255.255.255.255:1": false, "[ff02::1]:1": false,
	} {
		if err := checkUDPTarget(&Target{Local: local, Remote: netip.MustParseAddrPort(remote)}); (err == nil) != want {
			t.Errorf("%s: %v", remote, err)
		}
	}
	if checkUDPTarget(&Target{}) == nil {
		t.Error("no binding is accepted")
	}
}

func TestOwnAddresses(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	list, lookups := []net.Addr{&net.IPNet{IP: net.ParseIP("198.51.100.1"), Mask: net.CIDRMask(24, 32)}}, 0
	var broken error
	own := &ownAddrs{now: func() time.Time { return now }, lookup: func() ([]net.Addr, error) { lookups++; return list, broken }}
	if own.addrs() != nil {
		t.Error("knows addresses before it looked")
	}
	for range 3 {
		if err := own.refresh(); err != nil {
			t.Fatal(err)
		}
	}
	if !own.addrs()[netip.MustParseAddr("198.51.100.1")] || lookups != 1 {
		t.Errorf("%v after %d lookups", own.addrs(), lookups)
	}
	list, now = append(list, &net.IPNet{IP: net.ParseIP("2001:db8::1")}), now.Add(ownRefresh)
	if err := own.refresh(); err != nil || !own.addrs()[netip.MustParseAddr("2001:db8::1")] {
		t.Errorf("%v, %v", own.addrs(), err)
	}
	broken, now = errors.New("broken"), now.Add(ownRefresh)
	if err := own.refresh(); !errors.Is(err, broken) || len(own.addrs()) != 2 {
		t.Errorf("%v, %v", own.addrs(), err)
	}
}

// FuzzCheckTarget wants that what passes is public by another reckoning, and that
// the request is the URL, byte for byte.
func FuzzCheckTarget(f *testing.F) {
	for _, seed := range []string{
		"http://198.51.100.7:7547/a:b?c=%20#d", "http://[2001:db8::7]:7547/", "http://[::ffff:127.0.0.1]/", "http://cpe.example.net", "http://127.1/", "http://a@b/",
	} {
		f.Add(seed)
	}
	source := netip.MustParseAddr("198.51.100.7")
	g := guard{own: func() map[netip.Addr]bool { return nil }}
	f.Fuzz(func(t *testing.T, url string) {
		to, err := g.checkTarget(&Target{URL: url, Source: source})
		if err != nil {
			return
		}
		ip := net.IP(to.addr.Addr().AsSlice())
		if !to.addr.IsValid() || to.addr.Port() == 0 || ip.IsPrivate() || ip.IsLoopback() || ip.IsMulticast() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() {
			t.Errorf("%q goes to %s", url, to.addr)
		}
		if strings.ContainsAny(to.authority+to.path, "\r\n \x00") || !strings.HasPrefix(to.path, "/") || strings.Contains(to.authority, "/") {
			t.Errorf("%q becomes %q", url, to.String())
		}
		plain, _, _ := strings.Cut(url, "#")
		if got := strings.TrimPrefix(to.path, "/"); !strings.HasSuffix(plain, got) || !strings.Contains(plain, to.authority) {
			t.Errorf("%q becomes %q", url, to.String())
		}
	})
}

// TestTarget_ShowsNoLogin: reasons are read by operators and by the API.
// TestCheckTarget_ShowsNoLogin: an error repeats no URL that may have a password.
func TestCheckTarget_ShowsNoLogin(t *testing.T) {
	g := guard{own: func() map[netip.Addr]bool { return nil }}
	for _, url := range []string{
		"http://cpe:hunter2@198.51.100.7/", "http://cpe:hun/ter2hunter2@198.51.100.7/", "//cpe:hunter2@198.51.100.7/", "cpe:hunter2@198.51.100.7/",
		"https://cpe:hunter2@198.51.100.7/", "http://cpe:hunter2@198.51.100.7/" + strings.Repeat("x", maxURL),
		"http%3A%2F%2Fcpe%3Ahunter2%40198.51.100.7",
	} {
		_, err := g.checkTarget(&Target{URL: url, Source: netip.MustParseAddr("198.51.100.7")})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
	_, err := g.checkTarget(&Target{URL: "https://198.51.100.7/x"})
	if err == nil || !strings.Contains(err.Error(), `"https://198.51.100.7/x"`) {
		t.Errorf("one without a login is not shown: %v", err)
	}
}

func TestTarget_ShowsNoLogin(t *testing.T) {
	g := guard{own: func() map[netip.Addr]bool { return nil }}
	_, err := g.checkTarget(&Target{URL: "http://user:secret@198.51.100.7/", Source: netip.MustParseAddr("198.51.100.7")})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}
