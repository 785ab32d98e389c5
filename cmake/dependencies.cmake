# Every library that lorec stands on, by pkg-config where it has a file; scripts/deps installs the same list.
find_package(PkgConfig REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(Threads REQUIRED)
pkg_check_modules(LOREC_PC REQUIRED IMPORTED_TARGET openblas lapacke jansson yaml-0.1 zlib libzstd libarchive libxxhash
                  libcrypto libcurl libpcre2-8 libutf8proc sqlite3 libpq libmicrohttpd)
list(JOIN LOREC_PC_LDFLAGS " " LOREC_PC_LIBS) # of lorec.pc, for who links liblorec.a
pkg_check_modules(LIBEDIT REQUIRED IMPORTED_TARGET libedit) # the program's alone: lorec chat

add_library(lorec_dependencies INTERFACE)
target_link_libraries(lorec_dependencies INTERFACE PkgConfig::LOREC_PC OpenMP::OpenMP_C Threads::Threads m)
