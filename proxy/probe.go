package proxy

import (
	"context"
	"fmt"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// Kinds of probe.
const (
	ProbeTCP  = "tcp"  // a connection, with TLS where the URL says so
	ProbeHTTP = "http" // a GET; any answer will do but 5xx
	ProbeCWMP = "cwmp" // a synthetic Inform; an InformResponse or a challenge will do
)

// Probe asks an ACS whether it works, on a connection of its own, until ctx
// ends. A nil error means yes.
func (s *Server) Probe(ctx context.Context, acs, kind string) error {
	up := s.gen.Load().upstreams[acs]
	if up == nil {
		return fmt.Errorf("acs %q is not configured", acs)
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(up.cfg.ConnectTimeout)
	}
	conn, err := up.dial(up.base, deadline)
	if err != nil {
		return err
	}
	defer conn.close()
	stop := context.AfterFunc(ctx, conn.close)
	defer stop()
	switch kind {
	case ProbeHTTP:
		return up.probeHTTP(conn, deadline)
	case ProbeCWMP:
		return up.probeCWMP(conn, deadline)
	}
	return nil
}

// probeDevice is who a CWMP probe claims to be. It appears in the ACS's
// inventory, where its name tells what it is.
var probeDevice = cwmp.DeviceID{Manufacturer: "acsgate", OUI: "000000", ProductClass: "acsgate", SerialNumber: "health-probe"}

func (u *upstream) probeHTTP(conn *acsConn, deadline time.Time) error {
	reply, err := u.probeTrip(conn, "GET", nil, jar{}, deadline)
	if err != nil {
		return err
	}
	defer reply.release()
	if reply.head.Status >= 500 {
		return fmt.Errorf("answered %d", reply.head.Status)
	}
	return nil
}

// probeCWMP holds a whole little session, so that no ACS keeps half of one.
func (u *upstream) probeCWMP(conn *acsConn, deadline time.Time) error {
	inform := cwmp.Inform(cwmp.DefaultDialect, "1", cwmp.InformData{
		Device: probeDevice, Events: []cwmp.Event{{Code: cwmp.EventPeriodic}}, CurrentTime: time.Now(),
	})
	var cookies jar
	reply, err := u.probeTrip(conn, "POST", inform, cookies, deadline)
	if err != nil {
		return err
	}
	defer reply.release()
	if reply.head.Status == 401 {
		return nil
	}
	if msg := scanReply(&reply, reply.scanOptions(nil)); reply.head.Status != 200 || msg.Method != "InformResponse" {
		return fmt.Errorf("answered %d %s to an Inform", reply.head.Status, msg.Method)
	}
	if !reply.keep {
		return nil
	}
	cookies.store(reply.head.Fields, time.Now())
	end, err := u.probeTrip(conn, "POST", nil, cookies, deadline)
	if err != nil {
		return err
	}
	end.release()
	return nil
}

func (u *upstream) probeTrip(conn *acsConn, method string, body []byte, cookies jar, deadline time.Time) (acsReply, error) {
	path := u.base.pathFor("/")
	head := append([]byte(method+" "+path+" HTTP/1.1\r\n"), "Host: "+u.base.authority()+"\r\n"...)
	head = httpwire.AppendField(head, "User-Agent", "acsgate-probe")
	if len(body) > 0 {
		head = httpwire.AppendField(head, "Content-Type", `text/xml; charset="utf-8"`)
		head = httpwire.AppendField(head, "SOAPAction", "")
	}
	head = cookies.appendTo(head)
	if method == "POST" {
		head = httpwire.AppendLength(head, len(body))
	}
	memory := budget{}
	memory.limit.Store(probeMemory)
	reply, err := conn.roundTrip(append(head, "\r\n"...), body, deadline, probeMemory, &loan{from: &memory})
	if err != nil {
		return acsReply{}, err
	}
	return reply, nil
}

// probeMemory bounds what an ACS may answer to a probe.
const probeMemory = 1 << 20
