package gateway

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/connreq"
	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/config"
	"github.com/acsgate/acsgate/internal/credential"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/proxy"
	"github.com/acsgate/acsgate/stunsrv"
)

// reach is how CPEs are reached from outside their sessions.
type reach struct {
	cfg      connreq.Config
	vault    *credential.Vault
	bindings *binding.Table
	tokens   *tokenIndex
	stun     *stunsrv.Server // nil without a STUN server
	requests *connreq.Service

	complained atomic.Int64 // when it was last said that secrets cannot be read, Unix seconds
}

// makeReach makes what knows how to reach devices and what does it.
func (g *Gateway) makeReach(cfg *config.Config, undo *closers) (err error) {
	r := &g.reach
	r.cfg = cfg.ConnectionRequest
	if err = g.makeVault(cfg); err != nil {
		return err
	}
	r.bindings, err = binding.New(cfg.Bindings, binding.Deps{
		Store: g.store, Log: g.log, Metrics: g.metrics, Now: time.Now, Changed: g.publishBindings,
	})
	if err != nil {
		return err
	}
	r.tokens = newTokenIndex(r.vault.Key("tokens"), g.devices)
	if err = g.makeSTUN(cfg, undo); err != nil {
		return err
	}
	r.requests, err = connreq.New(cfg.ConnectionRequest, connreq.Deps{
		Target: g.target, SendUDP: g.sendUDP, ByToken: r.tokens.device, ByBinding: r.bindings.Device,
		NonceKey: r.vault.Key("nonces"), Finished: g.publishRequest,
		Store: g.store, Metrics: g.metrics, Log: g.log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	*undo = append(*undo, func() error { r.requests.Close(); return nil })
	return nil
}

// openTimeout bounds what is read of the store before the gateway runs.
const openTimeout = 10 * time.Second

func (g *Gateway) makeVault(cfg *config.Config) (err error) {
	dataDir := cfg.DataDir
	if cfg.Store.Memory != nil {
		dataDir = "" // a key that lasts no longer than the store
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	g.reach.vault, err = credential.Open(ctx, cfg.Credentials, dataDir, credential.Deps{
		Store: g.store, Log: g.log, Metrics: g.metrics, Now: time.Now,
		OnSTUNUser: func(id cwmp.DeviceID, user string) { g.reach.bindings.SetUser(id, user) },
	})
	return err
}

func (g *Gateway) makeSTUN(cfg *config.Config, undo *closers) (err error) {
	if len(cfg.STUN.Listen) == 0 {
		return nil
	}
	g.reach.stun, err = stunsrv.New(cfg.STUN, cfg.TURN, stunsrv.Deps{
		Sighted: g.sighted, Password: g.reach.vault.STUNPassword, NeverChallenge: g.neverChallenge, MayReach: g.mayReach(cfg.TURN.Users),
		Relaying: g.relaying,
		Metrics:  g.metrics, Log: g.log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	*undo = append(*undo, func() error { g.reach.stun.Close(); return nil })
	return nil
}

// load reads what the store knows of bindings and secrets.
func (r *reach) load(ctx context.Context) error {
	if err := r.vault.Load(ctx); err != nil {
		return err
	}
	if err := r.bindings.Load(ctx); err != nil {
		return err
	}
	for id, user := range r.vault.Users() {
		r.bindings.SetUser(id, user)
	}
	r.tokens.load()
	return nil
}

// sighted takes what the STUN server saw to the bindings.
func (g *Gateway) sighted(s []stunsrv.Sighting) {
	// The compiler checks that both types are the same but for their names.
	g.reach.bindings.NoteSightings(unsafe.Slice((*binding.Sighting)(&s[0]), len(s)))
}

// neverChallenge tells whether the STUN client of a user breaks when it is asked
// to sign.
func (g *Gateway) neverChallenge(username []byte) bool {
	id, ok := g.reach.bindings.ByUser(username)
	if !ok {
		return false
	}
	record, _ := g.devices.Lookup(id)
	return g.quirks(record.ID, record.SoftwareVersion).NoSTUNChallenge
}

func (g *Gateway) sendUDP(local, to netip.AddrPort, payload []byte) error {
	if g.reach.stun == nil {
		return fmt.Errorf("no STUN server: add stun.listen")
	}
	return g.reach.stun.SendFrom(local, to, payload)
}

// claim tells everybody concerned that a device has come.
func (g *Gateway) claim(in *proxy.Inform) {
	g.reach.tokens.add(in.Device)
	reported, _ := netip.ParseAddrPort(in.UDPConnectionRequestAddress)
	g.reach.bindings.NoteClaim(binding.Claim{
		Device: in.Device, Source: in.Source.Addr().Unmap(), Reported: reported, Own: urlAddr(in.ConnectionRequestURL), At: in.At,
	})
	g.reach.requests.NoteInform(in.Device, in.Events, in.At)
}

// urlAddr returns the IP address that a URL names, if it does.
func urlAddr(text string) netip.Addr {
	u, err := url.Parse(text)
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.ParseAddr(u.Hostname())
	return addr.Unmap()
}

// target gathers how a device can be reached.
func (g *Gateway) target(id cwmp.DeviceID) (connreq.Target, bool) {
	record, ok := g.devices.Lookup(id)
	if !ok {
		return connreq.Target{}, false
	}
	quirks := g.quirks(record.ID, record.SoftwareVersion)
	t := connreq.Target{
		Device: record.ID, URL: record.ConnectionRequestURL, Source: record.Source.Addr(), Listener: record.Local,
		Logins: g.logins(id), Milliseconds: quirks.RequestMilliseconds, Slash: quirks.RequestSlash, Basic: quirks.RequestBasic,
	}
	g.bind(&t)
	return t, true
}

// bind puts the device's binding into its target, or why there is none.
func (g *Gateway) bind(t *connreq.Target) {
	if g.reach.stun == nil {
		t.NoBinding = "there is no STUN server: add stun.listen"
		return
	}
	b, ok := g.reach.bindings.Lookup(t.Device)
	if !ok {
		t.NoBinding = "no STUN packet of the device was seen"
		return
	}
	usable, why := g.reach.bindings.Usable(&b)
	if !usable {
		t.NoBinding = why
		return
	}
	t.Local, t.Remote, t.Stale = b.Local, b.Remote, b.Stale(time.Now())
}

// secretTimeout bounds the reading of a device's secrets.
const secretTimeout = 2 * time.Second

func (g *Gateway) logins(id cwmp.DeviceID) []connreq.Login {
	ctx, cancel := context.WithTimeout(context.Background(), secretTimeout)
	defer cancel()
	set, err := g.reach.vault.Get(ctx, id)
	if err != nil {
		g.complain(id, err)
		return nil
	}
	login := set.ConnectionRequest
	if login.Username == "" || login.Password == "" {
		return nil // CPEs tell the user name alone, and half a login refuses the ACS that has the whole
	}
	return []connreq.Login{{Username: login.Username, Password: string(login.Password)}}
}

// complain says that a device's secrets cannot be read, once a minute at most: a
// store that fails does so for every device of a fleet.
func (g *Gateway) complain(id cwmp.DeviceID, err error) {
	now, last := time.Now().Unix(), g.reach.complained.Load()
	if now-last >= 60 && g.reach.complained.CompareAndSwap(last, now) {
		g.log.Warn("secrets cannot be read; more of these are not logged for a minute", zap.Stringer("device", id), zap.Error(err))
	}
}

// mayReach tells whether a TURN user may send to an address: it must be the
// binding of a device whose sessions go to an ACS that the user is limited to.
func (g *Gateway) mayReach(users []stunsrv.TURNUser) func(user string, local, remote netip.AddrPort) bool {
	limits := map[string][]string{}
	for _, u := range users {
		limits[u.Name] = u.ACS
	}
	return func(user string, local, remote netip.AddrPort) bool {
		limit, known := limits[user]
		id, bound := g.reach.bindings.Device(remote)
		if !known || !bound {
			return false
		}
		b, ok := g.reach.bindings.Lookup(id)
		if !ok || b.Local != local || b.Remote != remote {
			return false
		}
		_, current := g.devices.Placement(id)
		return len(limit) == 0 || slices.Contains(limit, current)
	}
}

// relaying judges, and takes note of, what goes through the TURN relay to a binding.
func (g *Gateway) relaying(remote netip.AddrPort, request []byte) bool {
	id, ok := g.reach.bindings.Device(remote)
	return ok && g.reach.requests.AdmitRelayed(id, request)
}

// showing returns what gives ACSs our addresses for those of CPEs, nil if that is
// not configured.
func (g *Gateway) showing(cfg *config.Config) func(cwmp.DeviceID, proxy.Reported) proxy.Shown {
	if cfg.ConnectionRequest.URLBase == "" && cfg.ConnectionRequest.Relay == nil {
		return nil
	}
	return g.shown
}

// shown is what the ACS of a session sees of how its device can be reached.
func (g *Gateway) shown(id cwmp.DeviceID, reported proxy.Reported) (shown proxy.Shown) {
	r := &g.reach
	token := r.tokens.tokens.Of(id)
	if reported.ConnectionRequestURL != "" {
		shown.ConnectionRequestURL, _ = connreq.ShownURL(&r.cfg, token, reported.ConnectionRequestURL)
	}
	if reported.UDPConnectionRequestAddress != "" {
		shown.UDPConnectionRequestAddress, _ = connreq.ShownUDPAddress(&r.cfg, token, g.relayPort(id))
	}
	return shown
}

// relayPort returns the port of the relay that a device has, 0 for none. Ports are
// few and given for good, so that one is for a device that an ACS has accepted:
// anybody can send an Inform.
func (g *Gateway) relayPort(id cwmp.DeviceID) uint16 {
	if _, known := g.devices.Handle(id); !known {
		return 0
	}
	return g.reach.requests.Port(id)
}

// learning returns what keeps logins, nil if that is not configured.
func (g *Gateway) learning(cfg *config.Config) func(cwmp.DeviceID, proxy.Learned) {
	if !cfg.Credentials.Learn {
		return nil
	}
	return g.learned
}

// learned keeps the logins that are in force on a device.
func (g *Gateway) learned(id cwmp.DeviceID, l proxy.Learned) {
	stun := credential.Login{Username: l.STUNUsername, Password: credential.Secret(l.STUNPassword)}
	if owner, ok := g.reach.bindings.ByUser([]byte(stun.Username)); ok && !l.ByACS && owner.Key() != id.Key() {
		// A CPE may say what it likes. That two share a name is possible, and the
		// bindings can tell them apart; the other's password stays the name's.
		g.reach.bindings.SetUser(id, stun.Username)
		stun = credential.Login{}
	}
	g.reach.vault.Learn(id, credential.Set{
		ConnectionRequest: credential.Login{Username: l.ConnectionRequestUsername, Password: credential.Secret(l.ConnectionRequestPassword)},
		STUN:              stun,
	})
}

// runSTUN runs the STUN server, if there is one.
func (r *reach) runSTUN(ctx context.Context) error {
	if r.stun == nil {
		<-ctx.Done()
		return nil
	}
	return r.stun.Run(ctx)
}
