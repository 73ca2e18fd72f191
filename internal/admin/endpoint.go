package admin

import (
	"net/http"
)

// request is one that somebody sends who may send it.
type request struct {
	*http.Request
	who    Identity
	query  query  // its parameters, checked
	detail string // for the audit log; handlers set it
}

// handler answers a request, or returns why not and has written nothing then.
type handler func(http.ResponseWriter, *request) error

// endpoint is one operation of the API. The mux and the OpenAPI document are both
// made of a table of them.
type endpoint struct {
	id           string // operationId, and the route in metrics
	method, path string // path below PathAPI
	role         string // "" for no token
	whole        bool   // about all devices: nothing for a token with a scope
	summary      string
	about        string
	query        []parameter
	body         any    // of the request's type; nil for none
	optional     bool   // the body may be left out
	status       int    // of success, 200 where it is 0
	answer       any    // of the answer's type; nil for none
	media        string // of the answer where it is not application/json
	etag         bool   // the answer has an ETag
	match        bool   // the request needs If-Match
	once         bool   // an Idempotency-Key is obeyed
	long         bool   // it may take longer than clients stay
	audited      bool   // though it writes nothing
	large        bool   // the body may list a million devices
	missing      bool   // this gateway has no such thing
	handle       handler
}

// writes tells whether an endpoint changes something.
func (e *endpoint) writes() bool { return e.method != http.MethodGet }

// endpoints returns the table. Its entries are the same for every API but for
// missing and handle.
func (a *API) endpoints() []endpoint {
	var all []endpoint
	for _, part := range [][]endpoint{
		a.deviceEndpoints(), a.wakeEndpoints(), a.captureEndpoints(), a.listEndpoints(),
		a.acsEndpoints(), a.Campaigns.endpoints(), a.wholeEndpoints(), a.eventEndpoints(), a.ownEndpoints(),
	} {
		all = append(all, part...)
	}
	return all
}
