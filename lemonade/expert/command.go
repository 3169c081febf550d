package expert

// CommandInfo describes a command of the papers' rule book.
type CommandInfo struct {
	Code     string
	Text     string
	Opposite string // code of the command that undoes it, "" where there is none
}

// commands is the journal paper's Table 3.
var commands = []CommandInfo{
	{"ACL", "add convolutional layer", "RCL"},
	{"RCL", "reduce convolutional layer", "ACL"},
	{"ASC", "add skip connection", "RSC"},
	{"RSC", "reduce skip connection", "ASC"},
	{"ADL", "add dense layer", "RDL"},
	{"RDL", "reduce dense layer", "ADL"},
	{"AD", "add dropout layer", "RD"},
	{"RD", "reduce dropout layer", "AD"},
	{"AMK", "add more kernels", "RK"},
	{"RK", "reduce number of kernels", "AMK"},
	{"AMN", "add more neurons", "RN"},
	{"RN", "reduce neurons", "AMN"},
	{"AR", "add regularization", "RR"},
	{"RR", "reduce regularization", "AR"},
	{"AWI", "add weight initializer", ""},
}

// Commands returns the fifteen commands.
func Commands() []CommandInfo { return append([]CommandInfo(nil), commands...) }

func lookup(code string) (CommandInfo, bool) {
	for _, c := range commands {
		if c.Code == code {
			return c, true
		}
	}
	return CommandInfo{}, false
}
