package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
)

// demoCall lies between two Connection Requests of ACS north.
const demoCall = 6 * time.Second

// demoHome is the part of the demo behind a NAT: a CPE that nobody can reach but
// by the address that it keeps open toward the STUN server.
type demoHome struct {
	*simnet.Home
	device   cwmp.DeviceID
	password string // ConnectionRequestPassword
	stun     netip.AddrPort
	requests netip.AddrPort // where ACSs send Connection Requests
	token    string         // of the API
}

// newDemoHome finds free addresses and makes the secrets, which it writes to dir.
func newDemoHome(dir string) (*demoHome, error) {
	h := &demoHome{password: rand.Text(), token: strings.ToLower(rand.Text())}
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h.stun = udp.LocalAddr().(*net.UDPAddr).AddrPort()
	_ = udp.Close()
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h.requests = tcp.Addr().(*net.TCPAddr).AddrPort()
	_ = tcp.Close()
	for name, secret := range map[string]string{"cpe.password": h.password, "demo.token": h.token} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secret+"\n"), 0o600); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// config are the sections of the configuration that wake CPEs.
func (h *demoHome) config(dir string) string {
	return fmt.Sprintf(`stun: {listen: [%q]}
connection_request:
  url_base: "http://%s/cr"
  acs_networks: [127.0.0.1]
  timeout: 5s
  min_interval: 2s
credentials:
  logins: [{username: "{oui}-{serial}", password_file: %q}]
admin: {address: "127.0.0.1:0", tokens: [{name: demo, role: admin, token_file: %q}]}
`, h.stun, h.requests, filepath.Join(dir, "cpe.password"), filepath.Join(dir, "demo.token"))
}

// makeHome puts the CPE behind its NAT.
func (d *demo) makeHome(gateway string) error {
	h := d.home
	m, _ := simnet.MakeNamed("tr069agent")
	m = m.WithSTUN(h.stun)
	m.Device.SerialNumber = "BEHINDNAT"
	c, err := simnet.NewCPE(simnet.CPEConfig{
		URL: "http://" + gateway + "/", Make: m, Device: m.DeviceNumber(1), Username: "cpe", Password: "secret",
	})
	if err != nil {
		return err
	}
	outside, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h.device = c.Device()
	login := h.device.OUI + "-" + h.device.SerialNumber
	profile, _ := simnet.STUNProfileNamed("tr069agent")
	h.Home, err = simnet.NewHome(simnet.HomeConfig{
		CPE: c, Private: netip.MustParseAddrPort("192.168.1.2:7547"), Outside: outside,
		STUN: simnet.STUNConfig{
			Profile: profile, Server: h.stun, Username: login,
			ConnectionRequestUsername: login, ConnectionRequestPassword: h.password,
			MinKeepAlive: time.Second, MaxKeepAlive: time.Second,
		},
		Requested: func(r simnet.ConnectionRequest) {
			d.lines.print("%s  %-34s behind the NAT takes a UDP Connection Request from %s", time.Now().Format("15:04:05"), h.device, r.From)
		},
	})
	return err
}

// stageCalls lets ACS north call the CPE behind the NAT now and then, at the URL
// that the gateway has shown it.
func (d *demo) stageCalls(ctx context.Context) {
	for wait := 3 * time.Second; waitFor(ctx, wait); wait = demoCall {
		url := d.shownURL()
		if url == "" || !d.home.Status().Mapped.IsValid() {
			continue
		}
		d.lines.print("--- ACS north calls %s: the CPE is 192.168.1.2 behind %s", url, d.home.NAT().Outside())
		status, err := simnet.Wake(ctx, url, d.home.device.OUI+"-"+d.home.device.SerialNumber, d.home.password)
		if err == nil && status != 200 {
			err = fmt.Errorf("status %d", status)
		}
		if err != nil && ctx.Err() == nil {
			d.lines.print("--- the call failed: %v", err)
		}
	}
}

// shownURL is the ConnectionRequestURL of the CPE as ACS north has seen it.
func (d *demo) shownURL() string {
	wanted := func(name []byte) bool { return strings.HasSuffix(string(name), ".ConnectionRequestURL") }
	for _, x := range slices.Backward(d.north.Of(d.home.device)) {
		m, err := cwmp.Scan(x.Body, cwmp.Options{Params: wanted})
		if err == nil && len(m.Params) > 0 {
			return m.Params[0].Value
		}
	}
	return ""
}

func (d *demo) introduceHome() {
	d.lines.print("behind NAT %s at 192.168.1.2, seen from %s by the STUN server %s", d.home.device, d.home.NAT().Outside(), d.home.stun)
	d.lines.print("try       %s=%s acsgate wake -admin %s %s", admin.TokenVariable, d.home.token, d.gateway.AdminAddr(), d.home.device)
	d.lines.print("or        %s=%s acsgate drain north -to south -admin %s", admin.TokenVariable, d.home.token, d.gateway.AdminAddr())
}
