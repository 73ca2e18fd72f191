package console

import (
	"html/template"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/admin"
)

// Deps is what the console shows and who may see it.
type Deps struct {
	API  *admin.API
	Auth *admin.Authenticator
	// Now is the clock, time.Now by default.
	Now func() time.Time
	// Log gets faults of the console itself. Optional.
	Log *zap.Logger
}

// Console is the handler of every page. It is safe for concurrent use and starts
// no goroutine.
type Console struct {
	api       *admin.API
	auth      *admin.Authenticator
	now       func() time.Time
	log       *zap.Logger
	sessions  *sessions
	logins    *loginForms
	assets    *assets
	templates map[string]*template.Template
	origin    *http.CrossOriginProtection
	wakes     gate
	streams   gate
	previews  gate
	mux       *http.ServeMux
}

// What the console does at a time, beside plain pages.
const (
	maxWakes    = 64
	maxStreams  = 64
	maxPreviews = 4
)

// New returns the console. It is to be served below /.
func New(d Deps) *Console {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = zap.NewNop()
	}
	c := &Console{
		api: d.API, auth: d.Auth, now: d.Now, log: d.Log.Named("console"),
		sessions: newSessions(d.Now), logins: newLoginForms(), assets: loadAssets(),
		origin: http.NewCrossOriginProtection(),
		wakes:  newGate(maxWakes), streams: newGate(maxStreams), previews: newGate(maxPreviews),
		mux: http.NewServeMux(),
	}
	c.templates = loadTemplates(c)
	c.routes()
	return c
}

// ServeHTTP answers a request of a browser.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	c.mux.ServeHTTP(w, r)
}

func (c *Console) routes() {
	c.mux.Handle("GET "+pathStatic, c.assets)
	c.mux.HandleFunc("GET "+pathLogin, c.showLogin)
	c.mux.HandleFunc("POST "+pathLogin, c.login)
	c.read("/", c.notFound)
	c.read("/{$}", c.overview)
	c.read("/series", whole(c.series))
	c.read("/devices", c.devices)
	c.read("/devices/{id}", c.device)
	c.read("/devices/{id}/captures/{capture}", c.download)
	c.read("/acs", whole(c.acss))
	c.read("/acs/{name}/drain", whole(c.drainForm))
	c.read("/campaigns", whole(c.campaigns))
	c.read("/campaigns/new", whole(c.migrationForm))
	c.read("/campaigns/{name}", whole(c.campaign))
	c.read("/campaigns/{name}/devices", whole(c.members))
	c.read("/nat", c.nat)
	c.read("/sessions", c.liveSessions)
	c.read("/events", c.events)
	c.read("/events/stream", c.stream)
	c.read("/certificates", whole(c.certificates))
	c.read("/configuration", whole(c.configuration))
	c.read("/audit", whole(c.audit))

	c.write("/logout", admin.RoleViewer, c.logout)
	c.write("/devices/{id}/wake", admin.RoleOperator, c.wake)
	c.write("/devices/{id}/captures", admin.RoleOperator, c.startCapture)
	c.write("/devices/{id}/captures/{capture}/stop", admin.RoleOperator, c.stopCapture)
	c.write("/acs/{name}/drain/preview", admin.RoleAdmin, whole(c.previewDrain))
	c.write("/acs/{name}/drain", admin.RoleAdmin, whole(c.startDrain))
	c.write("/acs/{name}/return", admin.RoleAdmin, whole(c.returnACS))
	c.writeLarge("/campaigns/new", admin.RoleAdmin, maxMigration, whole(c.createMigration))
	c.writeLarge("/campaigns/new/preview", admin.RoleAdmin, maxMigration, whole(c.previewMigration))
	c.write("/campaigns/{name}/{action}", admin.RoleAdmin, whole(c.actOnCampaign))
	c.write("/configuration/reload", admin.RoleAdmin, whole(c.reload))
}

// gate bounds how often something is under way.
type gate chan struct{}

func newGate(most int) gate { return make(gate, most) }

// enter tells whether there is room; who was let in must leave.
func (g gate) enter() bool {
	select {
	case g <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g gate) leave() { <-g }
