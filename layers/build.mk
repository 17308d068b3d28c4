# What the build of the layer and of every function shares. `sam build` calls the targets (Metadata, BuildMethod:
# makefile); they write to $(ARTIFACTS_DIR) only, and two builds of one commit are identical.
LAYERS := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))

# Bytecode is only good for the version that wrote it, and Lambda runs this one.
PYTHON := $(shell "$(LAYERS)find-python" 3.13)
ifeq ($(PYTHON),)
  $(error Building needs Python 3.13, as the functions run on it; install it, then build again)
endif

# Sets are written into bytecode in the order of their hashes.
export PYTHONHASHSEED := 0

# $(call compile,FOLDER IN THE CLOUD): bytecode for all of $(ARTIFACTS_DIR), as it will lie in that folder.
compile = "$(PYTHON)" "$(LAYERS)bytecode.py" "$(ARTIFACTS_DIR)" $(1)

# For all to read, whatever the umask of the build: Lambda runs the functions as a user of its own.
readable = chmod -R a+rX,u+w,go-w "$(ARTIFACTS_DIR)"
