package stunsrv

import (
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/pion/stun/v2"
)

func TestTURN_Credentials(t *testing.T) {
	const never = "9999999999"
	now := time.Unix(1_790_000_000, 0)
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	limited := func(user string) string { return timeLimitedPassword(turnSecretText, user) }
	cases := []struct {
		name, user, password string
		ok                   bool
	}{
		{"static", "acs-1", "acs-1-password", true},
		{"static, wrong password", "acs-1", "acs-2-password", false},
		{"unknown user", "acs-9", "acs-1-password", false},
		{"no password", "acs-3", "", false},
		{"time-limited", at(time.Minute) + ":acs-3", limited(at(time.Minute) + ":acs-3"), true},
		{"time-limited, of a user with a password", never + ":acs-1", limited(never + ":acs-1"), true},
		{"the last second", at(time.Second) + ":acs-3", limited(at(time.Second) + ":acs-3"), true},
		{"expired", at(0) + ":acs-3", limited(at(0) + ":acs-3"), false},
		{"expiry moved", at(time.Minute) + ":acs-3", limited(at(0) + ":acs-3"), false},
		{"another secret", never + ":acs-3", timeLimitedPassword("x", never+":acs-3"), false},
		{"unknown user, time-limited", never + ":acs-9", limited(never + ":acs-9"), false},
		{"no expiry", ":acs-3", limited(":acs-3"), false},
		{"no number", "x:acs-3", limited("x:acs-3"), false},
		{"no user", never, limited(never), false},
		{"too large", "99999999999999999999:acs-3", limited("99999999999999999999:acs-3"), false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			w := startTURN(t, nil)
			c := w.client(tc.user, tc.password)
			switch m := c.do(stun.MethodAllocate, overUDP); {
			case tc.ok && errorCode(t, m) != 0:
				t.Errorf("code %d", errorCode(t, m))
			case !tc.ok && (errorCode(t, m) != stun.CodeBadRequest || w.fate(turnBadCredentials) != 1):
				t.Errorf("code %d, counted %d", errorCode(t, m), w.fate(turnBadCredentials))
			}
		})
	}
	t.Run("without a secret", func(t *testing.T) {
		w := startTURN(t, func(c *TURNConfig) { c.SecretFile = "" })
		c := w.client(never+":acs-1", timeLimitedPassword("", never+":acs-1"))
		if code := errorCode(t, c.do(stun.MethodAllocate, overUDP)); code != stun.CodeBadRequest {
			t.Errorf("code %d", code)
		}
	})
}

// TestTURN_CredentialsExpire refuses a refresh with what was good for the
// allocation.
func TestTURN_CredentialsExpire(t *testing.T) {
	w := startTURN(t, nil)
	user := strconv.FormatInt(w.clock().Add(time.Minute).Unix(), 10) + ":acs-3"
	c := w.client(user, timeLimitedPassword(turnSecretText, user))
	c.allocate()
	c.must(stun.MethodRefresh)
	w.pass(time.Minute)
	if code := errorCode(t, c.do(stun.MethodRefresh)); code != stun.CodeBadRequest {
		t.Errorf("code %d", code)
	}
}

// TestTimeLimitedPassword is the vector of credentials that others make.
func TestTimeLimitedPassword(t *testing.T) {
	const user = "1795003600:acs-1"
	password := timeLimitedPassword("turn-shared-secret", user)
	if password != "EUCLj8oUhU1qtdQ6YeBfkhHu9Zo=" {
		t.Errorf("password %s", password)
	}
	want := unhex(t, "d0dd46cbc2e77fe0d4d9632778d0e1a9")
	if key := longTermKey(user, "gateway.example.net", password); string(key) != string(want) {
		t.Errorf("key %x", key)
	}
}

// TestTURN_Refusals answers each with its code, signed.
func TestTURN_Refusals(t *testing.T) {
	w := startTURN(t, nil)
	acs := w.acs("acs-1")
	check := func(name string, method stun.Method, want stun.ErrorCode, setters ...stun.Setter) {
		t.Helper()
		m := acs.do(method, setters...)
		if code := errorCode(t, m); code != want {
			t.Errorf("%s: code %d, want %d", name, code, want)
		}
		if want != stun.CodeBadRequest && acs.key.Check(m) != nil {
			t.Errorf("%s: the refusal is not signed", name)
		}
	}
	peer := func(text string) stun.Setter { return peerAttr(netip.MustParseAddrPort(text)) }
	check("the next port as well", stun.MethodAllocate, stun.CodeInsufficientCapacity, overUDP, raw(stun.AttrEvenPort, 0x80))
	check("RESERVATION-TOKEN", stun.MethodAllocate, stun.CodeInsufficientCapacity, overUDP, raw(stun.AttrReservationToken, 1, 2, 3, 4, 5, 6, 7, 8))
	check("TCP", stun.MethodAllocate, stun.CodeUnsupportedTransProto, raw(stun.AttrRequestedTransport, 6, 0, 0, 0))
	check("IPv6", stun.MethodAllocate, stun.CodeAddrFamilyNotSupported, overUDP, raw(stun.AttrRequestedAddressFamily, 2, 0, 0, 0))
	check("no transport", stun.MethodAllocate, stun.CodeBadRequest)
	check("nothing to refresh", stun.MethodRefresh, stun.CodeAllocMismatch)
	check("nothing to permit", stun.MethodCreatePermission, stun.CodeAllocMismatch, peer("127.0.0.1:1"))
	acs.must(stun.MethodAllocate, overUDP, raw(stun.AttrRequestedAddressFamily, 1, 0, 0, 0), raw(stun.AttrEvenPort, 0))
	check("no peer", stun.MethodCreatePermission, stun.CodeBadRequest)
	check("multicast", stun.MethodCreatePermission, stun.CodeForbidden, peer("224.0.0.1:1"))
	check("multicast after another", stun.MethodCreatePermission, stun.CodeForbidden, peer("127.0.0.1:1"), peer("224.0.0.1:1"))
	check("broadcast", stun.MethodChannelBind, stun.CodeForbidden, raw(stun.AttrChannelNumber, 0x40, 0, 0, 0), peer("255.255.255.255:1"))
	check("IPv6 peer", stun.MethodCreatePermission, stun.CodePeerAddrFamilyMismatch, peer("[2001:db8::1]:1"))
	check("broken peer", stun.MethodCreatePermission, stun.CodeBadRequest, peer("127.0.0.1:1"), raw(stun.AttrXORPeerAddress, 0, 1))
}

func TestTURN_EvenPort(t *testing.T) {
	for port, want := range map[uint16]bool{3478: false, 3479: true} {
		c := &turnConn{local: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port)}
		if got := c.wantsOtherPort(stun.MustBuild(stun.TransactionID, raw(stun.AttrEvenPort, 0))); got != want {
			t.Errorf("port %d: refused %v", port, got)
		}
	}
}

func TestPeerPossible(t *testing.T) {
	cases := map[string][2]bool{ // from a public socket, from one on loopback
		"192.0.2.1": {true, true}, "10.0.0.1": {true, true}, "169.254.1.1": {true, true}, "2001:db8::1": {true, true},
		"127.0.0.1": {false, true}, "::1": {false, true},
		"0.0.0.0": {}, "::": {}, "224.0.0.1": {}, "239.255.255.250": {}, "ff02::1": {}, "255.255.255.255": {},
	}
	for text, want := range cases {
		ip := netip.MustParseAddr(text)
		for i, local := range []string{"192.0.2.9", "127.0.0.1"} {
			if got := peerPossible(ip, netip.MustParseAddr(local)); got != want[i] {
				t.Errorf("%s from %s: %v", text, local, got)
			}
		}
	}
	if peerPossible(netip.Addr{}, netip.MustParseAddr("127.0.0.1")) {
		t.Error("no address at all")
	}
}

// TestTURN_Permissions bounds what pion would not.
func TestTURN_Permissions(t *testing.T) {
	a := &turnAllocation{permitted: map[netip.Addr]time.Time{}}
	now, ip := time.Unix(0, 0), netip.MustParseAddr("10.0.0.1")
	first := ip
	for range turnPermissions {
		if !a.permit(ip, now) {
			t.Fatal("full too early")
		}
		ip = ip.Next()
	}
	if a.permit(ip, now.Add(permissionLifetime)) || !a.permit(first, now) {
		t.Error("one more, or not even one again")
	}
	if !a.permit(ip, now.Add(permissionLifetime+1)) || len(a.permitted) != 1 {
		t.Errorf("%d are kept beyond their time", len(a.permitted))
	}
}

// TestTURN_UnsignedAttributes takes nothing that follows the signature (RFC 8489
// 14.5).
func TestTURN_UnsignedAttributes(t *testing.T) {
	w := startTURN(t, nil)
	device, acs := newCPE(t, "127.0.0.1"), w.acs("acs-1")
	other := newCPE(t, "127.0.0.5")
	w.entitle("acs-1", other)
	acs.allocate()
	m := acs.exchange(append(acs.request(stun.MethodCreatePermission, peerAttr(device.address())), peerAttr(other.address()))...)
	if errorCode(t, m) != 0 {
		t.Fatalf("code %d", errorCode(t, m))
	}
	acs.indicate(other.address(), wake("smuggled"))
	acs.permit(other.address())
	acs.indicate(other.address(), wake("permitted"))
	if payload, _ := other.receive(); string(payload) != string(wake("permitted")) {
		t.Errorf("device got %q", payload)
	}
}

// TestTURN_Silence meets these without an answer, before any secret is asked.
func TestTURN_Silence(t *testing.T) {
	build := func(typ stun.MessageType, setters ...stun.Setter) []byte {
		return stun.MustBuild(append([]stun.Setter{stun.TransactionID, typ}, setters...)...).Raw
	}
	badFingerprint := build(stun.NewType(stun.MethodAllocate, stun.ClassRequest), stun.Fingerprint)
	badFingerprint[len(badFingerprint)-1]++
	broken := build(stun.NewType(stun.MethodAllocate, stun.ClassRequest), overUDP)
	broken[23] = 200 // a length beyond the end
	for name, tc := range map[string]struct {
		packet []byte
		want   turnFate
	}{
		"a response":               {build(stun.NewType(stun.MethodAllocate, stun.ClassSuccessResponse)), turnUnsupported},
		"a Data indication":        {build(stun.NewType(stun.MethodData, stun.ClassIndication)), turnUnsupported},
		"a Connect request":        {build(stun.NewType(stun.MethodConnect, stun.ClassRequest)), turnUnsupported},
		"Send without allocation":  {build(stun.NewType(stun.MethodSend, stun.ClassIndication)), turnNoAllocation},
		"ChannelData without one":  {[]byte{0x40, 0, 0, 1, 'x'}, turnNoAllocation},
		"another fingerprint":      {badFingerprint, turnMalformed},
		"attribute beyond the end": {broken, turnMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			w := startTURN(t, nil)
			c := newCPE(t, "127.0.0.1")
			c.send(w.addr, tc.packet)
			eventually(t, "it is counted", func() bool { return w.fate(tc.want) == 1 })
			c.silent(w.addr)
		})
	}
}

// FuzzTURN feeds packets to what stands before pion: it never panics, and nothing
// is taken as signed that was not.
func FuzzTURN(f *testing.F) {
	key := stun.NewLongTermIntegrity("acs-1", "gateway.example.net", "acs-1-password")
	f.Add(stun.MustBuild(stun.NewType(stun.MethodAllocate, stun.ClassRequest), overUDP, stun.NewUsername("acs-1"), key).Raw)
	f.Add(stun.MustBuild(stun.NewType(stun.MethodRefresh, stun.ClassRequest), stun.NewUsername("1:acs-1"), key, stun.Fingerprint).Raw)
	f.Add(stun.MustBuild(stun.NewType(stun.MethodCreatePermission, stun.ClassRequest), peerAttr(primaryAddr), stun.NewUsername("acs-1"), key).Raw)
	f.Add([]byte{0x40, 0, 0, 1, 'x'})
	w := newTURN(f, nil)
	conn, out, source := w.conn(), make([]byte, turnBuffer), newCPE(f, "127.0.0.1").address()
	f.Fuzz(func(t *testing.T, packet []byte) {
		if len(packet) > maxPacket {
			return
		}
		if kind := classify(packet); kind != turnMessage && kind != channelData {
			return
		}
		if w.relay.judge(conn, packet, source) != turnAccepted {
			return
		}
		w.pass(time.Second)
		n := conn.admit(out, packet, source)
		if conn.hand.user == nil || n == 0 {
			return
		}
		in, sent := &stun.Message{Raw: append([]byte(nil), packet...)}, &stun.Message{Raw: out[:n]}
		if in.Decode() != nil || key.Check(in) != nil {
			t.Fatalf("%x is taken as signed", packet)
		}
		if sent.Decode() != nil || key.Check(sent) != nil || sent.TransactionID != in.TransactionID || sent.Type != in.Type {
			t.Fatalf("%x became %x", packet, out[:n])
		}
	})
}
