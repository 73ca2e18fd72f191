package cwmp

// The event codes of TR-069 3.7.1.5. "M" events carry the name of the method
// that caused them; "X " begins a vendor's own.
const (
	EventBootstrap                  = "0 BOOTSTRAP"
	EventBoot                       = "1 BOOT"
	EventPeriodic                   = "2 PERIODIC"
	EventScheduled                  = "3 SCHEDULED"
	EventValueChange                = "4 VALUE CHANGE"
	EventKicked                     = "5 KICKED"
	EventConnectionRequest          = "6 CONNECTION REQUEST"
	EventTransferComplete           = "7 TRANSFER COMPLETE"
	EventDiagnosticsComplete        = "8 DIAGNOSTICS COMPLETE"
	EventRequestDownload            = "9 REQUEST DOWNLOAD"
	EventAutonomousTransferComplete = "10 AUTONOMOUS TRANSFER COMPLETE"
	EventDUStateChangeComplete      = "11 DU STATE CHANGE COMPLETE"
	EventAutonomousDUStateChange    = "12 AUTONOMOUS DU STATE CHANGE COMPLETE"
	EventWakeup                     = "13 WAKEUP"
	EventHeartbeat                  = "14 HEARTBEAT"
	EventMReboot                    = "M Reboot"
	EventMScheduleInform            = "M ScheduleInform"
	EventMDownload                  = "M Download"
	EventMScheduleDownload          = "M ScheduleDownload"
	EventMUpload                    = "M Upload"
	EventMChangeDUState             = "M ChangeDUState"
)

// maxEvents is the most events that an Inform may carry (TR-069 A.3.3.1);
// further ones are not reported.
const maxEvents = 64

// HasEvent reports whether the Inform carries the event code.
func (m *Message) HasEvent(code string) bool {
	for i := range m.Events {
		if m.Events[i].Code == code {
			return true
		}
	}
	return false
}

func eventCodes() []string {
	return []string{
		EventBootstrap, EventBoot, EventPeriodic, EventScheduled, EventValueChange,
		EventKicked, EventConnectionRequest, EventTransferComplete,
		EventDiagnosticsComplete, EventRequestDownload, EventAutonomousTransferComplete,
		EventDUStateChangeComplete, EventAutonomousDUStateChange, EventWakeup,
		EventHeartbeat, EventMReboot, EventMScheduleInform, EventMDownload,
		EventMScheduleDownload, EventMUpload, EventMChangeDUState,
	}
}
