# Every library that lorec stands on, by pkg-config where it has a file; scripts/deps installs the same list.
find_package(PkgConfig REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(Threads REQUIRED)
pkg_check_modules(LOREC_PC REQUIRED IMPORTED_TARGET openblas lapacke jansson yaml-0.1 zlib libzstd libarchive libxxhash
                  libcrypto libcurl libpcre2-8 libutf8proc sqlite3 libpq libmicrohttpd)
pkg_check_modules(LIBEDIT REQUIRED IMPORTED_TARGET libedit) # the program's alone: lorec chat
find_library(DNNL_LIBRARY dnnl REQUIRED)
find_path(DNNL_INCLUDE dnnl.h REQUIRED)

add_library(lorec_dependencies INTERFACE)
target_include_directories(lorec_dependencies INTERFACE ${DNNL_INCLUDE})
target_link_libraries(lorec_dependencies INTERFACE PkgConfig::LOREC_PC ${DNNL_LIBRARY} OpenMP::OpenMP_C Threads::Threads m)
