package server

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"

	"parley/rpc/auth"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// Passwords that change, and the codes that one person hands to another.

func (s *accounts) ChangePassword(ctx context.Context, r *pb.ChangePasswordRequest) (*pb.ChangePasswordResponse, error) {
	var me account.Me
	if _, err := s.ask(ctx, pb.Consistency_CONSISTENCY_LINEARIZABLE, &account.WhoAmI{}, &me); err != nil {
		return nil, err
	}
	if err := s.policy.Check("new_password", me.Person.Name, r.GetNewPassword()); err != nil {
		return nil, refuse(err)
	}
	if _, err := s.commandOf(ctx, r.GetCommand(), &account.ChangePassword{}, nil); err != nil {
		return nil, err
	}
	if err := s.leads(); err != nil {
		return nil, err
	}
	c := &account.ChangePassword{Hash: []byte{0}}
	k, err := s.check(ctx, me.Person.Name, r.GetOldPassword())
	wrong := convert.ParseError(err).Reason == account.RefuseCredentials.Reason
	switch {
	case wrong: // or this is a repetition, and the password was changed by the first: of no version nothing else comes of it
	case err != nil:
		return nil, err
	default:
		c.Version = k.Version
		if c.Hash, err = s.door.Hasher.Hash(ctx, r.GetNewPassword()); err != nil {
			return nil, refuse(err)
		}
	}
	var changed account.PasswordChanged
	at, err := s.proposeSaid(ctx, r.GetCommand(), c, &changed)
	if wrong && convert.ParseError(err).Reason == "PASSWORD_CHANGED" {
		err = convert.RefusalError(state.Refusef(state.NotPermitted, "PASSWORD_WRONG", "The old password is wrong."), at)
	}
	if err != nil {
		return nil, err
	}
	return &pb.ChangePasswordResponse{Ended: uint32(changed.Ended), Position: uint64(at)}, nil
}

func (s *accounts) CreateReset(ctx context.Context, r *pb.CreateResetRequest) (*pb.CreateResetResponse, error) {
	hash, err := codeHash(auth.Reset, "code", r.GetCode())
	if err != nil {
		return nil, err
	}
	var until account.Until
	at, err := s.propose(ctx, r.GetCommand(), &account.CreateReset{User: r.GetUsername(), Hash: hash}, &until)
	if err != nil {
		return nil, err
	}
	return &pb.CreateResetResponse{Expires: s.after(until.Left), Position: uint64(at)}, nil
}

// ResetPassword counts as an attempt at the account: nobody may try codes faster than passwords.
func (s *accounts) ResetPassword(ctx context.Context, r *pb.ResetPasswordRequest) (*pb.ResetPasswordResponse, error) {
	if refusal := s.limits.CheckUserName("username", r.GetUsername()); refusal != nil {
		return nil, convert.RejectionError(refusal)
	}
	hash, err := codeHash(auth.Reset, "code", r.GetCode())
	if err != nil {
		return nil, err
	}
	if err := s.policy.Check("new_password", r.GetUsername(), r.GetNewPassword()); err != nil {
		return nil, refuse(err)
	}
	if _, err := s.commandOf(ctx, r.GetCommand(), &account.ResetPassword{}, nil); err != nil {
		return nil, err
	}
	if err := s.leads(); err != nil {
		return nil, err
	}
	attempt, err := s.door.Attempts.Begin(r.GetUsername(), actorOf(ctx).address())
	if err != nil {
		return nil, refuse(err)
	}
	defer attempt.Abandoned() // unless it has ended otherwise
	c := &account.ResetPassword{User: r.GetUsername(), Secret: hash}
	if c.Hash, err = s.door.Hasher.Hash(ctx, r.GetNewPassword()); err != nil {
		return nil, refuse(err)
	}
	at, err := s.proposeSaid(ctx, r.GetCommand(), c, &account.PasswordChanged{}, state.FoldName(r.GetUsername()), string(hash[:]))
	switch {
	case convert.ParseError(err).Reason == "RESET_REFUSED":
		attempt.Failed()
		return nil, err
	case err != nil:
		return nil, err
	}
	attempt.Succeeded()
	return &pb.ResetPasswordResponse{Position: uint64(at)}, nil
}

func (s *accounts) CreateInvite(ctx context.Context, r *pb.CreateInviteRequest) (*pb.CreateInviteResponse, error) {
	hash, err := codeHash(auth.Invite, "code", r.GetCode())
	if err != nil {
		return nil, err
	}
	var until account.Until
	at, err := s.propose(ctx, r.GetCommand(), &account.CreateInvite{Hash: hash, Uses: uint64(r.GetUses()),
		Age: time.Duration(r.GetSeconds()) * time.Second}, &until)
	if err != nil {
		return nil, err
	}
	return &pb.CreateInviteResponse{Expires: s.after(until.Left), Position: uint64(at)}, nil
}

// ClaimAdmin counts as an attempt at an account that nobody has.
func (s *accounts) ClaimAdmin(ctx context.Context, r *pb.ClaimAdminRequest) (*pb.ClaimAdminResponse, error) {
	ticket, err := auth.ParseTicket(auth.Bootstrap, "token", r.GetToken())
	if err != nil {
		return nil, refuse(err)
	}
	attempt, err := s.door.Attempts.Begin("the admin's token", actorOf(ctx).address())
	if err != nil {
		return nil, refuse(err)
	}
	defer attempt.Abandoned()
	at, err := s.propose(ctx, r.GetCommand(), &account.ClaimAdmin{Hash: [32]byte(ticket.Hash())}, &account.Done{})
	switch {
	case convert.ParseError(err).Reason == "CLAIM_REFUSED":
		attempt.Failed()
		return nil, err
	case err != nil:
		return nil, err
	}
	attempt.Succeeded()
	return &pb.ClaimAdminResponse{Position: uint64(at)}, nil
}

// codeHash returns what the state keeps of a code. One of ours (auth.Ticket) is read as a person may have typed it, and
// a slip of his pen is told; of any other only case and dashes are overlooked.
func codeHash(kind auth.TicketKind, field, text string) (hash [32]byte, err error) {
	ticket, err := auth.ParseTicket(kind, field, text)
	if err == nil {
		return [32]byte(ticket.Hash()), nil
	}
	letters := strings.ToLower(strings.ReplaceAll(text, "-", ""))
	if strings.HasPrefix(letters, string(auth.Invite)) || strings.HasPrefix(letters, string(auth.Reset)) || strings.HasPrefix(letters, string(auth.Bootstrap)) {
		return hash, refuse(err)
	}
	if len(text) > codeBytesMax || len(letters) < codeLettersMin || strings.Trim(letters, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return hash, fieldError(field, "A code has 20 to 64 letters, digits and dashes.")
	}
	return sha256.Sum256([]byte("parley " + string(kind) + " of letters\x00" + letters)), nil
}
