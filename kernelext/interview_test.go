package kernelext

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/lemo-nade/lemonade/datasets"
)

// script answers questions one after the other, and then as one who has left.
func script(asked *[]string, said ...string) func(context.Context, string, bool) (string, error) {
	return func(_ context.Context, prompt string, hidden bool) (string, error) {
		if *asked = append(*asked, prompt); hidden {
			return "", errors.New("it is no secret")
		}
		if len(said) == 0 {
			return "", io.EOF
		}
		next := said[0]
		said = said[1:]
		return next, nil
	}
}

func TestInterview(t *testing.T) {
	answers := len(datasets.Names()) + 2 // the last two are one's own pictures and texts
	folder := strconv.Itoa(answers - 1)
	pictures := strings.TrimPrefix(ownPictures(t), "folder:")
	for name, c := range map[string]struct {
		wishes  Wishes
		said    []string
		name    string // of the study that is begun; "" where none is
		data    string
		time    time.Duration
		trouble []string // what is told on the way
	}{
		"enter":   {Wishes{}, []string{"", "", "", "", "y"}, "digits-balanced", "digits", 10 * time.Minute, nil},
		"numbers": {Wishes{}, []string{"2", "2", "3", "2", "YES"}, "cifar10-small-and-fast-raspberry-pi-5", "cifar10", time.Hour, nil},
		"words":   {Wishes{Name: "mine"}, []string{"cifar10", "Raspberry Pi 4", "Small and fast", "1h 30m", "y"}, "mine", "cifar10", 90 * time.Minute, nil},
		"own":     {Wishes{}, []string{folder, pictures + "/none", folder, pictures, "", "", "", "y"}, "my-pears-balanced", "folder:" + pictures, 10 * time.Minute, []string{"none"}},
		"no":      {Wishes{}, []string{"", "", "", "", "n"}, "", "", 0, []string{"Nothing is begun. The line above"}},
		"nothing": {Wishes{}, []string{"", "", "", "", ""}, "", "", 0, []string{"Nothing is begun. The line above"}},
		"leaves":  {Wishes{}, []string{"1"}, "", "", 0, []string{"\nNothing is begun."}},
		"wrong": {Wishes{}, []string{"cats", "99", "1", "toaster", "0", "", "beauty", "2", "soon", "5s", "-3", "20m", "perhaps", "y"}, "digits-balanced", "digits", 20 * time.Minute, []string{
			`"cats"`, fmt.Sprintf("there is no answer 99: give a number, 1 to %d", answers), `"toaster"`, "there is no answer 0: give a number, 1 to 7", `"beauty"`,
			`"soon" is no time`, "5s is too short", "there is no answer -3", `"perhaps" is neither yes nor no`,
		}},
	} {
		var out bytes.Buffer
		var prompts []string
		var begun Start
		c.wishes.Dir = t.TempDir()
		err := interview(t.Context(), &out, script(&prompts, c.said...), c.wishes, func(s Start) error {
			begun = s
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if begun.Name != c.name || begun.Options.Data != c.data || begun.Run.Stop.Time != c.time {
			t.Errorf("%s: begins %+v", name, begun)
		}
		if n := len(prompts); n != len(c.said) && name != "leaves" {
			t.Errorf("%s: %d prompts for %d answers: %q", name, n, len(c.said), prompts)
		}
		rest := out.String()
		for _, want := range c.trouble {
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Errorf("%s: %q is not told, or not in its turn, in\n%s", name, want, out.String())
			}
			rest = after
		}
		if name == "enter" {
			golden(t, "interview.txt", []byte(strings.ReplaceAll(strings.Join(prompts, "\n")+"\n\n"+out.String(), c.wishes.Dir, "FOLDER")))
		}
	}
	var out bytes.Buffer
	fault := errors.New("no room on the disk")
	var prompts []string
	if err := interview(t.Context(), &out, script(&prompts), Wishes{Dir: t.TempDir(), Proposer: "me"}, nil); err == nil || !strings.Contains(err.Error(), `"me"`) || len(prompts) > 0 {
		t.Errorf("an unknown proposer: %v", err)
	}
	if err := interview(t.Context(), &out, script(&prompts, "", "", "", "", "y"), Wishes{Dir: t.TempDir()}, func(Start) error { return fault }); !errors.Is(err, fault) {
		t.Errorf("the search fails: %v", err)
	}
}

// terminal is a pseudo-terminal, and the program behind it.
type terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	seen   string
}

// asTerminal is set in the process that is a terminal's program for these tests.
const asTerminal = "LEMONADE_TEST_TERMINAL"

// inTerminal runs a command line of Lemonade at a pseudo-terminal.
func inTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	number, err2 := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	// The shell tells how the program has left the terminal.
	cmd := exec.Command("sh", append([]string{"-c", `trap : INT; "$@"; status=$?; stty -a; exit $status`, "sh", os.Args[0], "-test.run=^TestAtTerminal$", "--"}, args...)...)
	cmd.Env = append(os.Environ(), asTerminal+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return &terminal{t: t, master: master, cmd: cmd}
}

// expect waits until a text is seen, after what was expected before.
func (x *terminal) expect(text string) {
	x.t.Helper()
	buffer := make([]byte, 4096)
	for !strings.Contains(x.seen, text) {
		n, err := x.master.Read(buffer)
		x.seen += string(buffer[:n])
		if err != nil && !strings.Contains(x.seen, text) {
			x.t.Fatalf("no %q before the end (%v) in\n%s", text, err, x.seen)
		}
	}
	_, x.seen, _ = strings.Cut(x.seen, text)
}

// types types something.
func (x *terminal) types(text string) {
	x.t.Helper()
	if _, err := x.master.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// ends waits for the program's end, and returns its status and what else was seen.
func (x *terminal) ends() (status int, rest string) {
	rest = x.seen
	buffer := make([]byte, 4096)
	for {
		n, err := x.master.Read(buffer)
		rest += string(buffer[:n])
		if err != nil { // the other side is closed
			break
		}
	}
	_ = x.cmd.Wait() // its status is what is looked at
	return x.cmd.ProcessState.ExitCode(), rest
}

// TestAtTerminal begins a study as somebody does at a terminal.
func TestAtTerminal(t *testing.T) {
	if os.Getenv(asTerminal) != "" {
		at := 0
		for os.Args[at] != "--" {
			at++
		}
		root := Command()
		root.AddCommand(&cobra.Command{Use: "key", RunE: func(c *cobra.Command, _ []string) error {
			err := Key(c.Context(), "OPENAI_API_KEY")
			fmt.Println("of", len(os.Getenv("OPENAI_API_KEY")), "characters")
			return err
		}})
		os.Exit(Execute(root, os.Args[at+1:]))
	}
	dir := t.TempDir()

	x := inTerminal(t, "begin", "--studies", dir)
	for _, turn := range [][2]string{
		{"1. What should it recognise?", ""}, {"[digits]: ", "cats\n"}, {`"cats"`, ""}, {"[digits]: ", "\n"}, {"2. Where will it run?", ""}, {"[here]: ", "6\n"},
		{"[balanced]: ", "3\n"}, {"[10m]: ", "20m\n"}, {"Understood: A network for a Raspberry Pi 4 that recognises handwritten digits and is small, fast", ""},
		{"Forecast, ", ""}, {"lemonade discover digits-small-and-fast-raspberry-pi-4-litert", ""}, {"Begin now? [y/N]: ", "\n"}, {"Nothing is begun.", ""},
	} {
		x.expect(turn[0])
		if turn[1] != "" {
			x.types(turn[1])
		}
	}
	if status, rest := x.ends(); status != 0 {
		t.Errorf("status %d\n%s", status, rest)
	}
	if names := studyNames(t.Context(), dir); len(names) > 0 {
		t.Errorf("it has begun %q", names)
	}

	for _, leave := range []string{"\x03", "\x04"} { // Ctrl-C and Ctrl-D
		x = inTerminal(t, "begin", "--studies", dir)
		x.expect("[digits]: ")
		x.types(leave)
		x.expect("Nothing is begun.")
		if status, rest := x.ends(); status != 0 || strings.Contains(rest, "lemonade") {
			t.Errorf("%q: status %d\n%s", leave, status, rest)
		}
	}

	x = inTerminal(t, "begin", "--studies", dir, "--time", "20m") // an answer was given: nothing is asked
	if status, rest := x.ends(); status != 0 || !strings.Contains(rest, "Four questions. › marks") || strings.Contains(rest, "Begin now") {
		t.Errorf("status %d\n%s", status, rest)
	}
}

// TestKeyAtTerminal types a key, which is not shown, also where it is interrupted.
func TestKeyAtTerminal(t *testing.T) {
	for _, name := range []string{"OPENAI_API_KEY", "OPENAI_MODEL"} {
		t.Setenv(name, "")
	}
	t.Setenv("OPENAI_BASE_URL", "https://model.invalid/v1")
	t.Setenv("LEMONADE_HOME", t.TempDir())
	const key = "sk-MARKED-0123456789"
	const prompt = "OPENAI_API_KEY (not shown, never saved, forgotten when the program ends): "
	args := []string{"discover", "x", "--data", "digits", "--trials", "1", "--proposer", "openai", "--studies", t.TempDir()}

	x := inTerminal(t, args...)
	x.expect(prompt)
	x.types("\n")
	if status, rest := x.ends(); status != 1 || !strings.Contains(rest, "that is no key") {
		t.Errorf("no key: status %d\n%s", status, rest)
	}
	x = inTerminal(t, "key")
	x.expect(prompt)
	x.hides()
	x.types(key + "\n")
	if status, rest := x.ends(); status != 0 || !strings.Contains(rest, "of 20 characters") || strings.Contains(rest, "MARKED") {
		t.Errorf("a key: status %d\n%s", status, rest)
	}
	x = inTerminal(t, args...)
	x.expect(prompt)
	x.hides()
	x.types(key[:9])
	x.types("\x03")
	if status, rest := x.ends(); status != 130 || strings.Contains(rest, key[:9]) || !strings.Contains(rest, " echo ") {
		t.Errorf("interrupted: status %d\n%s", status, rest)
	}
}

// hides waits until the terminal does not show what is typed.
func (x *terminal) hides() {
	x.t.Helper()
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(time.Millisecond) {
		if now, err := unix.IoctlGetTermios(int(x.master.Fd()), unix.TCGETS); err == nil && now.Lflag&unix.ECHO == 0 {
			return
		}
	}
	x.t.Fatal("the terminal shows what is typed")
}

// TestKeyOfEnvironment holds that nobody is asked for a key that is there, nor where
// nobody is.
func TestKeyOfEnvironment(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "")
	if err := Key(t.Context(), "OPENAI_API_KEY"); err == nil || !strings.Contains(err.Error(), "OPENAI_API_KEY is not set") {
		t.Errorf("no key: %v", err)
	}
	t.Setenv("OPENAI_API_KEY", "sk-there")
	if err := Key(t.Context(), "OPENAI_API_KEY"); err != nil || os.Getenv("OPENAI_API_KEY") != "sk-there" {
		t.Errorf("a key: %v", err)
	}
	if err := Key(t.Context(), "OPENAI_URL"); err == nil || !strings.Contains(err.Error(), `"OPENAI_URL"`) {
		t.Errorf("no name of a key: %v", err)
	}
}
