package stunsrv

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

const turnSecretText = "turn-shared-secret"

// turnWorld is a server with a relay for the users acs-1 and acs-2, whose
// passwords are their names and "-password", and acs-3, who has none.
type turnWorld struct {
	*Server
	relay *relay
	t     testing.TB
	addr  netip.AddrPort

	mu          sync.Mutex
	now         time.Time
	entitled    map[string]netip.AddrPort // one binding of each user
	implausible string                    // what is in no request that may go
	toldOf      map[string]int            // how often each request was told of
}

func (w *turnWorld) relaying(remote netip.AddrPort, request []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.toldOf == nil {
		w.toldOf = map[string]int{}
	}
	w.toldOf[remote.String()+" "+string(request)]++
	return w.implausible == "" || !strings.Contains(string(request), w.implausible)
}

func (w *turnWorld) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *turnWorld) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *turnWorld) entitle(user string, device *cpe) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entitled[user] = device.address()
}

func (w *turnWorld) mayReach(user string, local, remote netip.AddrPort) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.entitled[user] == remote && local == w.addr
}

func (w *turnWorld) fate(f turnFate) int {
	return int(testutil.ToFloat64(w.relay.metrics.packets[f]))
}

func (w *turnWorld) result(d turnResult) int {
	return int(testutil.ToFloat64(w.relay.metrics.datagrams[d]))
}

// held returns how many allocations a user has.
func (w *turnWorld) held(user string) int {
	return int(testutil.ToFloat64(w.relay.metrics.allocations.WithLabelValues(user)))
}

func (w *turnWorld) conn() *turnConn { return w.relay.conns[w.addr] }

func secretFile(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func turnConfig(t testing.TB) TURNConfig {
	return TURNConfig{
		Enabled: true, Realm: "gateway.example.net", SecretFile: secretFile(t, turnSecretText),
		Users: []TURNUser{
			{Name: "acs-1", PasswordFile: secretFile(t, "acs-1-password")},
			{Name: "acs-2", PasswordFile: secretFile(t, "acs-2-password")},
			{Name: "acs-3"},
		},
	}
}

// startTURN returns a running relay whose clock stands still.
func startTURN(t testing.TB, change func(*TURNConfig)) *turnWorld {
	t.Helper()
	w := newTURN(t, change)
	runServer(t, w.Server)
	return w
}

// newTURN returns one that does not run yet.
func newTURN(t testing.TB, change func(*TURNConfig)) *turnWorld {
	t.Helper()
	w := &turnWorld{t: t, now: time.Unix(1_790_000_000, 0), entitled: map[string]netip.AddrPort{}}
	cfg := turnConfig(t)
	if change != nil {
		change(&cfg)
	}
	deps := quiet()
	deps.Now, deps.MayReach, deps.Relaying = w.clock, w.mayReach, w.relaying
	for w.addr.Port()%2 != 0 || w.addr.Port() == 0 { // even, as 3478 is
		deps.Metrics = prometheus.NewRegistry()
		w.Server = newServer(t, Config{Listen: []string{"127.0.0.1:0"}}, deps)
		w.addr = w.Addrs()[0]
	}
	var err error
	if w.relay, err = w.addRelay(cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

// turnClient speaks TURN by hand.
type turnClient struct {
	*cpe
	world *turnWorld
	user  string
	key   stun.MessageIntegrity
	nonce stun.Nonce
}

func (w *turnWorld) client(user, password string) *turnClient {
	w.t.Helper()
	return &turnClient{
		cpe: newCPE(w.t, "127.0.0.1"), world: w, user: user,
		key: stun.NewLongTermIntegrity(user, "gateway.example.net", password),
	}
}

func (w *turnWorld) acs(name string) *turnClient { return w.client(name, name+"-password") }

// exchange sends a message and returns the answer.
func (c *turnClient) exchange(setters ...stun.Setter) *stun.Message {
	c.t.Helper()
	reply, from := c.ask(c.world.addr, stun.MustBuild(setters...).Raw)
	if from != c.world.addr {
		c.t.Errorf("answer from %v", from)
	}
	m := &stun.Message{Raw: reply}
	if err := m.Decode(); err != nil {
		c.t.Fatalf("answer %x: %v", reply, err)
	}
	return m
}

// request returns a signed request; the nonce is fetched first.
func (c *turnClient) request(method stun.Method, setters ...stun.Setter) []stun.Setter {
	c.t.Helper()
	if c.nonce == nil {
		m := c.exchange(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest))
		if code := errorCode(c.t, m); code != stun.CodeUnauthorized {
			c.t.Fatalf("challenge has code %d", code)
		}
		if err := c.nonce.GetFrom(m); err != nil {
			c.t.Fatal(err)
		}
	}
	all := append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, setters...)
	return append(all, stun.NewUsername(c.user), stun.NewRealm("gateway.example.net"), c.nonce, c.key)
}

func (c *turnClient) do(method stun.Method, setters ...stun.Setter) *stun.Message {
	c.t.Helper()
	return c.exchange(c.request(method, setters...)...)
}

// must does what must succeed.
func (c *turnClient) must(method stun.Method, setters ...stun.Setter) *stun.Message {
	c.t.Helper()
	m := c.do(method, setters...)
	if m.Type.Class != stun.ClassSuccessResponse {
		c.t.Fatalf("%v: code %d", method, errorCode(c.t, m))
	}
	if err := c.key.Check(m); err != nil {
		c.t.Errorf("%v: signature: %v", method, err)
	}
	return m
}

func (c *turnClient) allocate() *stun.Message {
	c.t.Helper()
	return c.must(stun.MethodAllocate, overUDP)
}

func (c *turnClient) permit(peer netip.AddrPort) {
	c.t.Helper()
	c.must(stun.MethodCreatePermission, peerAttr(peer))
}

// indicate sends a payload to a peer.
func (c *turnClient) indicate(peer netip.AddrPort, payload []byte) {
	c.t.Helper()
	c.send(c.world.addr, stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication),
		peerAttr(peer), raw(stun.AttrData, payload...)).Raw)
}

// over sends a payload through a channel.
func (c *turnClient) over(channel uint16, payload []byte) {
	c.t.Helper()
	head := []byte{byte(channel >> 8), byte(channel), byte(len(payload) >> 8), byte(len(payload))}
	c.send(c.world.addr, append(head, payload...))
}

var overUDP = raw(stun.AttrRequestedTransport, 17, 0, 0, 0)

func seconds(n uint32) stun.Setter {
	return raw(stun.AttrLifetime, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// raw is an attribute.
func raw(typ stun.AttrType, value ...byte) stun.Setter {
	return stun.RawAttribute{Type: typ, Value: value}
}

type peerSetter netip.AddrPort

func peerAttr(peer netip.AddrPort) stun.Setter { return peerSetter(peer) }

// AddTo adds XOR-PEER-ADDRESS.
func (p peerSetter) AddTo(m *stun.Message) error {
	a := netip.AddrPort(p)
	return stun.XORMappedAddress{IP: net.IP(a.Addr().AsSlice()), Port: int(a.Port())}.AddToAs(m, stun.AttrXORPeerAddress)
}

func errorCode(t testing.TB, m *stun.Message) stun.ErrorCode {
	t.Helper()
	var code stun.ErrorCodeAttribute
	if m.Type.Class != stun.ClassErrorResponse {
		return 0
	}
	if err := code.GetFrom(m); err != nil {
		t.Fatalf("error response without a code: %v", err)
	}
	return code.Code
}

// wake is a UDP Connection Request as ACSs make it (vector U1), told apart by cn.
func wake(cn string) []byte {
	return []byte("GET http://10.1.1.1:8080?ts=1120673700&id=1234&un=CPE57689&cn=" + cn +
		"&sig=C01DFE6666916EE92211384C1E28D3B63EC18E66 HTTP/1.1\r\nHost: 10.1.1.1:8080\r\nContent-Length: 0\r\n\r\n")
}
