package admin

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/journal"
)

// maxAuditText bounds the path and the detail of a record, in bytes.
const maxAuditText = 1 << 10

// AuditRecord is a line of the audit log.
type AuditRecord struct {
	At string `json:"at"`
	journal.Audit
}

// Audit records that somebody has done something, or was refused: a line of the
// log, an event, and a line of the audit file. The detail holds no secrets. It
// waits for nothing and is safe for concurrent use.
func (a *API) Audit(who Identity, r *http.Request, status int, detail string) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	now, detail := time.Now(), shorten(detail, maxAuditText)
	record := journal.Audit{
		Token: who.Name, Role: who.Role, From: host,
		Method: r.Method, Path: shorten(r.URL.EscapedPath(), maxAuditText), Status: status, Detail: detail,
	}
	if a.log != nil {
		a.log.Info("audit", zap.String("token", record.Token), zap.String("role", record.Role), zap.String("from", record.From),
			zap.String("method", record.Method), zap.String("path", record.Path), zap.Int("status", status), zap.String("detail", detail))
	}
	if a.audits != nil {
		a.audits.add(AuditRecord{At: now.UTC().Format(time.RFC3339Nano), Audit: record})
	}
	if a.Publish != nil {
		text := fmt.Sprintf("token %s: %s %s: %d", record.Token, record.Method, record.Path, status)
		a.Publish(journal.Event{At: now, Kind: journal.KindAudit, Text: text, Data: &record})
	}
}
