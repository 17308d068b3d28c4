# How every function is built: its modules, their bytecode, and the stamps of the layer and the settings. Without these a
# new layer or a new parameter alone would make no new version of a function, and an alias would go on pointing at the
# old one.
include $(dir $(abspath $(lastword $(MAKEFILE_LIST))))build.mk
SOURCE := $(dir $(abspath $(firstword $(MAKEFILE_LIST))))

build-%:
	cp "$(SOURCE)"*.py "$(ARTIFACTS_DIR)/"
	"$(PYTHON)" "$(LAYERS)stamp.py" layer > "$(ARTIFACTS_DIR)/layer-stamp"
	"$(PYTHON)" "$(LAYERS)stamp.py" settings > "$(ARTIFACTS_DIR)/settings-stamp"
	$(call compile,/var/task)
	$(readable)
