# method_files.c: what lies beside the methods' code (cards, expectations, prompts) as bytes in the library, so that one
# program is all there is to install.  cmake -DSOURCE=... -DOUT=... -P method_files.cmake
file(GLOB_RECURSE files RELATIVE ${SOURCE}/src/methods ${SOURCE}/src/methods/*.md ${SOURCE}/src/methods/*.yaml
     ${SOURCE}/src/methods/*.j2 ${SOURCE}/src/methods/*.json ${SOURCE}/src/methods/*.tsv)
list(SORT files)
set(text "#include \"recipes/method_files.h\"\n\n")
set(rows "")
set(i 0)
foreach(name ${files})
    file(READ ${SOURCE}/src/methods/${name} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(APPEND text "static const unsigned char file_${i}[] = {${bytes}0};\n")
    string(APPEND rows "    {\"${name}\", (const char *)file_${i}, sizeof file_${i} - 1},\n")
    math(EXPR i "${i} + 1")
endforeach()
string(APPEND text "\nconst method_file method_files[] = {\n${rows}};\nconst size_t method_files_count = ${i};\n")
file(WRITE ${OUT}.new "${text}")
configure_file(${OUT}.new ${OUT} COPYONLY)
