# dowel_module(NAME [LINK ...] [LINK_PRIVATE ...]): a static library of every .c file in the current folder, exported as dowel::NAME.
# Its public headers are in include/; everything else in the folder is its own.

add_library(dowel_flags INTERFACE)
target_compile_options(dowel_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-missing-field-initializers)
target_compile_definitions(dowel_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE _FILE_OFFSET_BITS=64)
if(DOWEL_WERROR)
    target_compile_options(dowel_flags INTERFACE -Werror)
endif()
if(DOWEL_SANITIZE)
    add_compile_options(-fsanitize=${DOWEL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${DOWEL_SANITIZE})
endif()
if(DOWEL_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_link_options(-fsanitize=fuzzer-no-link)
endif()

function(dowel_module name)
    cmake_parse_arguments(arg "" "" "LINK;LINK_PRIVATE" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    add_library(dowel_${name} STATIC ${sources})
    add_library(dowel::${name} ALIAS dowel_${name})
    set_target_properties(dowel_${name} PROPERTIES EXPORT_NAME ${name})
    target_include_directories(dowel_${name}
        PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
        PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(dowel_${name} PUBLIC ${arg_LINK} PRIVATE $<BUILD_INTERFACE:dowel_flags> ${arg_LINK_PRIVATE})
    install(TARGETS dowel_${name} EXPORT dowel ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endfunction()
