package tlsconf

import "go.uber.org/zap/zapcore"

// quieter lowers what the ACME libraries log by one level and more: they tell
// every step, and call an error what is tried again; we say ourselves what an
// operator must do.
func quieter(core zapcore.Core) zapcore.Core { return quietCore{core} }

type quietCore struct{ zapcore.Core }

func lowered(level zapcore.Level) zapcore.Level {
	if level >= zapcore.ErrorLevel {
		return zapcore.WarnLevel
	}
	return zapcore.DebugLevel
}

// Enabled implements zapcore.Core.
func (c quietCore) Enabled(level zapcore.Level) bool { return c.Core.Enabled(lowered(level)) }

// With implements zapcore.Core.
func (c quietCore) With(fields []zapcore.Field) zapcore.Core { return quietCore{c.Core.With(fields)} }

// Check implements zapcore.Core.
func (c quietCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

// Write implements zapcore.Core.
func (c quietCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	entry.Level = lowered(entry.Level)
	return c.Core.Write(entry, fields)
}
