package cli

import "errors"

// DropPrivilege gives up every capability, as the function of this name does. Where that cannot be the command goes on
// with them, and says so. A command that a test calls within its own process keeps them: they are the test's.
func (e *Env) DropPrivilege() error { return e.giveUp(DropPrivilege) }

func (e *Env) giveUp(drop func() error) error {
	if e.status == nil { // Main did not begin this
		return nil
	}
	err := drop()
	if errors.Is(err, ErrKeptPrivilege) {
		e.Warnf("%v", err)
		return nil
	}
	return err
}
