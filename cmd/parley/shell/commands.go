package shell

import (
	"fmt"
	"strings"
)

// A command is a row of the table. What is typed is checked against its parameters; /help and completion read them too.
//
// A parameter in brackets may be missing, and the last one takes the rest of the line if it ends in dots. Its name says
// what completes it: USER, CHANNEL, PLACE, MESSAGE, COMMAND, EMOJI.
type command struct {
	words  []string // the first one is its name
	params string
	help   string
	needs  need
	run    func(m *Model, args []string) ([]effect, error) // as many arguments as parameters; "" is missing
	plain  []string                                        // the words of the command line that it stands for; see do_plain.go
}

// need is what has to be so before a command makes sense.
type need uint8

const (
	nothing need = iota
	aLogin
	aPlace // that is open; and a login
)

// A chapter is a part of /help.
type chapter struct {
	title    string
	commands []command
}

// chapters is the table. It is a function as /help is one of its rows.
func chapters() []chapter {
	return []chapter{
		{"You", []command{
			{words("signup"), "USER EMAIL [NAME...]", "make an account; asks for a password", nothing, signUp, nil},
			{words("accept"), "CODE USER EMAIL [NAME...]", "make an account with an invitation", nothing, accept, nil},
			{words("login"), "USER", "log in; asks for the password", nothing, logIn, nil},
			{words("logout"), "", "log out", aLogin, logOut, nil},
			{words("whoami"), "", "who is logged in", aLogin, whoAmI, nil},
			{words("passwd"), "", "change the password; ends your other logins", aLogin, passwd, nil},
			{words("redeem"), "USER", "set a forgotten password anew, with a secret from an admin", nothing, redeem, nil},
			{words("profile"), "NAME...", "change the name that others see", aLogin, profile, nil},
			{words("email"), "EMAIL", "change the email address", aLogin, email, nil},
			{words("sessions"), "", "where you are logged in", aLogin, sessions, nil},
			{words("revoke"), "LOGIN", "end one of your logins", aLogin, revoke, nil},
		}},
		{"Places", []command{
			{words("channels"), "", "all channels that you may see", aLogin, channels, nil},
			{words("create_channel", "create"), "NAME [DESCRIPTION...]", "make a channel; --private and --invite before the description", aLogin, createChannel, nil},
			{words("join"), "CHANNEL", "join a channel and open it", aLogin, joinChannel, nil},
			{words("leave"), "[CHANNEL]", "leave a channel", aLogin, leaveChannel, nil},
			{words("switch", "open"), "PLACE", "open a channel that you are in, or @USER", aLogin, switchTo, nil},
			{words("dm"), "USER [TEXT...]", "open a conversation, and send a text", aLogin, dm, nil},
			{words("back"), "", "leave a conversation, or a channel for the lobby", nothing, back, nil},
			{words("conversations", "dms"), "", "your direct conversations, the newest first", aLogin, conversations, nil},
			{words("members"), "[CHANNEL]", "who is in a place", aLogin, members, nil},
			{words("users", "who"), "", "everybody, and who is online", aLogin, users, nil},
		}},
		{"Channels that you look after", []command{
			{words("add_user"), "USER [CHANNEL]", "put somebody into a channel", aLogin, addUser, nil},
			{words("remove_user"), "USER [CHANNEL]", "take somebody out of a channel", aLogin, removeUser, nil},
			{words("promote"), "USER [CHANNEL]", "make somebody an admin of a channel", aLogin, promote, nil},
			{words("demote"), "USER [CHANNEL]", "take that back", aLogin, demote, nil},
			{words("policy"), "open|invite [CHANNEL]", "who may join", aLogin, policy, nil},
			{words("archive"), "[CHANNEL]", "close a channel for new messages", aLogin, archive, nil},
			{words("unarchive"), "[CHANNEL]", "open it again", aLogin, unarchive, nil},
		}},
		{"Messages", []command{
			{words("send"), "TEXT...", "send a text; in the lobby after a PLACE", aLogin, send, nil},
			{words("reply"), "MESSAGE TEXT...", "answer a message", aPlace, reply, nil},
			{words("thread"), "MESSAGE", "a message and its answers", aLogin, thread, nil},
			{words("edit"), "MESSAGE TEXT...", "change a text of yours", aLogin, edit, nil},
			{words("unsend"), "MESSAGE", "delete a message", aLogin, unsend, nil},
			{words("edits"), "MESSAGE", "what a message said before", aLogin, edits, nil},
			{words("react"), "MESSAGE EMOJI", "react to a message", aLogin, reactTo, nil},
			{words("unreact"), "MESSAGE EMOJI", "take that back", aLogin, unreact, nil},
			{words("history"), "[N]", "older messages", aPlace, history, nil},
			{words("search"), "QUERY...", "messages with all these words", aLogin, search, nil},
			{words("mentions"), "", "messages that name you", aLogin, mentions, nil},
			{words("read"), "", "mark this place as read", aPlace, read, nil},
			{words("retry"), "", "send again what has failed (Ctrl-R)", nothing, retry, nil},
			{words("discard"), "", "give up what has failed (Ctrl-X)", nothing, discard, nil},
		}},
		{"Files", []command{
			{words("upload"), "PATH [DESCRIPTION...]", "put a file here; quote a path with blanks", aPlace, upload, nil},
			{words("download"), "FILE [PATH...]", "get a file", aLogin, download, nil},
			{words("files"), "", "the files of this place", aPlace, files, nil},
		}},
		{"Documents and locks", []command{
			{words("doc"), "[COMMAND...]", "documents; alone it says what there is", aLogin, plainly("doc"), words("doc")},
			{words("lock"), "[COMMAND...]", "locks; alone it says what there is", aLogin, plainly("lock"), words("lock")},
		}},
		{"Assistance", []command{
			{words("smart_reply"), "[N]", "three answers to choose from; with a number, send that one", aPlace, smartReply, nil},
			{words("suggest"), "TEXT...", "how a text could go on", aPlace, suggest, nil},
			{words("summarize"), "[N]", "the last 20 messages in short, or the last N", aPlace, summarize, nil},
			{words("ask"), "QUESTION...", "ask a model, about this place if one is open", aLogin, askModel, nil},
			{words("ai"), "[COMMAND...]", "models and documents; alone it says what there is", aLogin, plainly("ai"), words("ai")},
		}},
		{"Cluster", []command{
			{words("status"), "", "leader and nodes", nothing, status, nil},
			{words("reconnect"), "", "look for another node", nothing, reconnect, nil},
			{words("claim"), "", "become the first cluster admin; asks for the token", aLogin, claim, nil},
			{words("invite"), "", "make an invitation", aLogin, invite, nil},
			{words("disable"), "USER", "end an account's logins and lock it", aLogin, disable, nil},
			{words("enable"), "USER", "unlock an account", aLogin, enable, nil},
			{words("grant_admin"), "USER", "make a cluster admin", aLogin, grantAdmin, nil},
			{words("revoke_admin"), "USER", "take that back", aLogin, revokeAdmin, nil},
			{words("reset_password"), "USER", "a secret with which somebody can set a new password", aLogin, resetPassword, nil},
		}},
		{"Shell", []command{
			{words("parley"), "COMMAND...", "any plain command: /parley cluster check", nothing, plainly(), []string{}},
			{words("clear"), "", "clear this place's notes", nothing, clearNotes, nil},
			{words("help"), "[COMMAND]", "this", nothing, help, nil},
			{words("exit", "quit"), "", "leave (also Ctrl-D on an empty line, Ctrl-C)", nothing, exit, nil},
		}},
	}
}

func words(w ...string) []string { return w }

// Words are the names of all commands of the shell.
func Words() (all []string) {
	for _, ch := range chapters() {
		for _, c := range ch.commands {
			all = append(all, c.words[0])
		}
	}
	return all
}

// find returns the command of a word.
func find(word string) (command, bool) {
	for _, c := range chapters() {
		for _, cmd := range c.commands {
			for _, w := range cmd.words {
				if strings.EqualFold(w, word) {
					return cmd, true
				}
			}
		}
	}
	return command{}, false
}

// usage is how a command is written.
func (c command) usage() string { return strings.TrimSpace("/" + c.words[0] + " " + c.params) }

// A param is one of a command's parameters.
type param struct {
	name     string
	optional bool
	rest     bool // takes the rest of the line
}

func (c command) parameters() (ps []param) {
	for _, w := range strings.Fields(c.params) {
		p := param{name: w}
		if strings.HasPrefix(w, "[") {
			p.name, p.optional = strings.Trim(w, "[]"), true
		}
		p.name, p.rest = strings.CutSuffix(p.name, "...")
		ps = append(ps, p)
	}
	return ps
}

// arguments divides what stands behind a command.
func (c command) arguments(rest string) ([]string, error) {
	ps := c.parameters()
	args := make([]string, len(ps))
	for i, p := range ps {
		rest = strings.TrimSpace(rest)
		switch {
		case rest == "" && !p.optional:
			return nil, &Error{Kind: Usage, Text: p.name + " is missing", Hint: c.usage()}
		case p.rest:
			args[i], rest = rest, ""
		default:
			args[i], rest = cutWord(rest)
		}
	}
	if rest = strings.TrimSpace(rest); rest != "" {
		return nil, &Error{Kind: Usage, Text: fmt.Sprintf("%q is too much", excerpt(rest)), Hint: c.usage()}
	}
	return args, nil
}

// cutWord cuts the first word, which may stand in quotes.
func cutWord(s string) (word, rest string) {
	if strings.HasPrefix(s, `"`) {
		if word, rest, ok := strings.Cut(s[1:], `"`); ok {
			return word, rest
		}
	}
	if i := strings.IndexAny(s, " \t\n"); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// enterLine does what a line says: an answer to a question, a command, or a message.
//
// In the lobby, where there is nobody to talk to, commands need no slash. A line that is just exit leaves from anywhere;
// a blank before it, and a second slash before a slash, make a message of it.
func (m *Model) enterLine(text string) []effect {
	if m.prompt != nil {
		return m.answered(text)
	}
	m.input.set("")
	m.choice = choice{}
	m.past.add(strings.TrimRight(text, "\n"))
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return nil
	case text == "exit" || text == "quit":
		return m.run("exit", "")
	case strings.HasPrefix(text, "//"):
		return m.send(m.open, text[1:], "")
	case strings.HasPrefix(text, "/"):
		word, rest := cutWord(text[1:])
		return m.run(word, rest)
	case m.open == "":
		word, rest := cutWord(trimmed)
		return m.run(word, rest)
	}
	return m.send(m.open, strings.TrimRight(text, " \n"), "")
}

// run does a command.
func (m *Model) run(word, rest string) []effect {
	effects, err := m.try(word, rest)
	if err != nil {
		return m.trouble(m.open, err)
	}
	return effects
}

func (m *Model) try(word, rest string) ([]effect, error) {
	c, ok := find(word)
	switch {
	case !ok && m.open == "":
		return nil, &Error{Kind: Usage, Text: "There is no command " + excerpt(word), Hint: "no place is open; help lists the commands"}
	case !ok:
		return nil, &Error{Kind: Usage, Text: "There is no command /" + excerpt(word), Hint: "/help lists them; a message that begins with a slash begins with two"}
	case c.needs != nothing && m.me == nil:
		return nil, &Error{Kind: NotLoggedIn, Text: "Nobody is logged in here", Hint: "/login USER, or /signup USER EMAIL NAME"}
	case c.needs == aPlace && m.open == "":
		return nil, &Error{Kind: Usage, Text: "No place is open", Hint: "/join CHANNEL or /dm USER opens one"}
	}
	args, err := c.arguments(rest)
	if err != nil {
		return nil, err
	}
	return c.run(m, args)
}

// help shows the table, or one row of it.
func help(m *Model, args []string) ([]effect, error) {
	if args[0] != "" {
		c, ok := find(strings.TrimPrefix(args[0], "/"))
		if !ok {
			return nil, wrong("There is no command %s", args[0])
		}
		m.say(name(strong, c.usage()), name(normal, "  "+c.help))
		return nil, nil
	}
	var rows [][]piece
	for _, ch := range chapters() {
		rows = append(rows, []piece{name(heading, ch.title)})
		for _, c := range ch.commands {
			rows = append(rows, []piece{name(strong, "  "+c.usage()), name(normal, c.help)})
		}
	}
	if !m.pipe {
		rows = append(rows, []piece{name(heading, "Keys")})
		for _, k := range keyHelp {
			rows = append(rows, []piece{name(strong, "  "+k[0]), name(normal, k[1])})
		}
	}
	rows = append(rows, []piece{name(dim, "In the lobby commands need no slash. MESSAGE is an id: Tab offers the latest ones.")})
	m.table(rows)
	return nil, nil
}

// table notes rows in columns. A row of one cell takes the whole width, and the last column is never filled up.
func (m *Model) table(rows [][]piece) {
	var widths []int
	for _, row := range rows {
		for i := 0; i < len(row)-1; i++ {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], min(m.ruler.width(row[i].text), 44))
		}
	}
	var pieces []piece
	for n, row := range rows {
		if n > 0 {
			pieces = append(pieces, piece{normal, "\n"})
		}
		for i, p := range row {
			pieces = append(pieces, p)
			if i < len(row)-1 {
				pieces = append(pieces, piece{normal, strings.Repeat(" ", max(widths[i]-m.ruler.width(p.text), 0)+2)})
			}
		}
	}
	hang := 0
	for _, w := range widths {
		hang += w + 2
	}
	n := note{pieces: pieces, hang: hang}
	m.note(m.open, n)
	// What is longer than the screen is read from its beginning.
	m.scroll = max(len(m.noteLines(n))-m.paneHeight(), 0)
}

func clearNotes(m *Model, _ []string) ([]effect, error) {
	m.room(m.open).notes, m.scroll = nil, 0
	return nil, nil
}

func exit(m *Model, _ []string) ([]effect, error) {
	m.quitting = true
	return nil, nil
}
